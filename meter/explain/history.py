"""The fifth rung: what was published under the key, revision by revision, and why each came about."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from meter.explain.model import Cause, Change
from meter.explain.words import joined, short, signed_money
from meter.rules.billing_days import BillingZone
from schemas import overages
from schemas.money import money_text
from schemas.overages import Overage
from schemas.plurals import counted

#: Workspaces or orders that a sentence names.
NAMED = 2


@dataclass(frozen=True, slots=True)
class Published:
    """A record of `overages` and Kafka's time of it."""

    record: Overage
    timestamp_ms: int


def in_order(found: Iterable[Published]) -> list[Published]:
    """By revision, each once."""
    return [each for _, each in sorted({each.record.revision: each for each in found}.items())]


def changes(published: Sequence[Published], zone: BillingZone) -> list[Change]:
    """What each revision changed; `published` rises in revision."""
    found: list[Change] = []
    before: Overage | None = None
    for each in published:
        record = each.record
        if before is not None and before.revision != record.previous_revision:
            before = None
        found.append(_change(record, before, zone.local_text(each.timestamp_ms * 1000)))
        before = record
    return found


def missing(published: Sequence[Published], kept_days: int) -> str | None:
    """Why the beginning is not there, if it is not."""
    if not published or published[0].record.previous_revision == 0:
        return None
    first = published[0].record
    return (
        f"revisions up to {first.previous_revision} are left out: only the newest were read, "
        f"and Kafka keeps superseded ones for {kept_days} days"
    )


def _change(record: Overage, before: Overage | None, time: str) -> Change:
    first = record.previous_revision == 0
    amount_before = Decimal(0) if first else None if before is None else before.charge.amount
    cause = record.cause
    return Change(
        revision=record.revision,
        previous_revision=record.previous_revision,
        time=time,
        usage=record.usage,
        covered=record.covered,
        overage=record.overage,
        delta=record.delta,
        basis=record.basis,
        amount=money_text(record.charge.amount),
        amount_before=None if amount_before is None else money_text(amount_before),
        cause=Cause(
            kind=cause.kind,
            workspaces=list(cause.workspaces),
            orders=None if cause.orders is None else list(cause.orders),
            more=cause.more,
            topic=cause.topic,
            partition=cause.partition,
            first_offset=cause.first_offset,
            last_offset=cause.last_offset,
        ),
        sent=sent(record),
        restated=record.restated,
        sentence=_sentence(record, amount_before),
    )


def sent(record: Overage) -> bool:
    """Whether the record was about this workspace; a cause that names as many as it may names perhaps not all."""
    named = record.cause.workspaces
    return record.workspace in named or len(named) >= overages.CAUSE_WORKSPACES_LIMIT


def _sentence(record: Overage, amount_before: Decimal | None) -> str:
    over = f"over {short(record.overage - record.delta)} → {short(record.overage)}"
    if not record.delta:
        over = f"usage {short(record.usage)}, still {short(record.overage)} over"
    earned = None if amount_before is None else record.charge.amount - amount_before
    money = f", {signed_money(earned)}" if earned else ""
    silent = "" if sent(record) or record.cause.kind != "usage" else ", although it sent nothing"
    return f"{_what(record)}: {over}{money}{silent}"


def _what(record: Overage) -> str:
    cause = record.cause
    if cause.kind == "order":
        more = (cause.more or 0) + max(0, len(cause.orders or ()) - NAMED)
        return f"order {_names(cause.orders or [], more)}"
    if cause.kind == "catalogue":
        return "a new version of the catalog"
    if not cause.workspaces:  # usage or an order of it brought the day before its own record did
        return f"{record.workspace} is commercial from an earlier day"
    names = _names(cause.workspaces, max(0, len(cause.workspaces) - NAMED))
    return f"usage of {names}" if cause.kind == "usage" else f"{names} went commercial"


def _names(names: Sequence[str], more: int) -> str:
    shown = list(names[:NAMED])
    return joined([*shown, *([counted(more, "other")] if more else [])])
