"""`/dead-letters`: records that were not counted, by reason and source."""

from base64 import b64decode
from collections import Counter
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from meter.commands.redrive import is_input
from meter.dashboard.answers import Table
from meter.dashboard.asked import Asked
from meter.dashboard.mends import DIES_AGAIN, mend_of
from meter.dashboard.models import Record
from meter.dashboard.operations_models import DeadLettersPage, LetterGroup, LetterView
from meter.dashboard.sight import Sight, decoded, query_of
from meter.dashboard.views.worth import worth_of
from meter.rules.charges import exact_sum
from schemas.money import money_text
from schemas.reasons import DeadReason

#: Letters shown of one group, newest first; characters of a key or value.
LETTERS, VALUE_SHOWN = 100, 2_000
#: Letters of a group that are priced, the newest; and figures of it shown, the largest.
LOOKED_AT, WORTH = 500, 50


def page(sight: Sight, asked: Asked) -> DeadLettersPage:
    """Every group; with `?reason=R&source=S` the letters of one."""
    reason, source = query_of(asked.query, "reason"), query_of(asked.query, "source")
    groups = [_group(sight, *row) for row in sight.rows("SELECT * FROM letter_groups ORDER BY last_ms DESC")]
    return DeadLettersPage(
        as_of=sight.as_of(),
        time_zone=sight.calendar.zone.name,
        currency=sight.catalog.currency,
        writable=sight.settings.dashboard_write_token is not None,
        count=sum(group.count for group in groups),
        groups=groups,
        reason=reason,
        source=source,
        letters=letters_of(sight, reason, source) if reason and source else [],
        attempts=[attempt_of(sight, each) for each in sight.live.attempts],
    )


def table(model: DeadLettersPage) -> Table:
    """A row for each group, or for each letter of the requested group."""
    if model.reason and model.source:
        names = ("reason", "topic", "partition", "offset", "records", "at", "error", "key", "value")
        return names, ([getattr(letter, name) for name in names] for letter in model.letters)
    names = ("reason", "source", "count", "first", "last", "can_be_sent_again", "amount", "unpriced", "mend")
    return names, ([getattr(group, name) for name in names] for group in model.groups)


def letters_of(sight: Sight, reason: str, source: str, limit: int = LETTERS) -> list[LetterView]:
    """The newest letters of a group."""
    rows = sight.rows(
        "SELECT letter_partition, letter_offset, records, body FROM letters WHERE reason = ? AND topic = ?"
        " ORDER BY at_ms DESC, letter_partition, letter_offset DESC LIMIT ?",
        reason,
        source,
        max(limit, LOOKED_AT),
    )
    earlier: Counter[str] = Counter()
    found = []
    for partition, offset, records, body in reversed(rows):  # the oldest first
        letter: Record = decoded(body)
        content = letter.get("sha256") or letter.get("value") or ""
        found.append(_letter(letter, partition, offset, records, earlier[content] if content else 0))
        earlier[content] += 1
    return found[::-1][:limit]


def _group(sight: Sight, reason: str, source: str, records: int, first_ms: int, last_ms: int) -> LetterGroup:
    newest = letters_of(sight, reason, source, 1)
    bodies = [
        decoded(row[0])
        for row in sight.rows(
            "SELECT body FROM letters WHERE reason = ? AND topic = ? ORDER BY at_ms DESC LIMIT ?",
            reason,
            source,
            LOOKED_AT,
        )
    ]
    hopeless = reason in DIES_AGAIN
    worth, unknown = ([], 0) if hopeless else worth_of(sight, bodies)
    amounts = [Decimal(each.amount) for each in worth if each.amount is not None]
    looked_at = sum(int(body.get("records") or 1) for body in bodies)
    return LetterGroup(
        reason=reason,
        source=source,
        count=records,
        first=sight.calendar.time(first_ms * 1000),
        last=sight.calendar.time(last_ms * 1000),
        mend=mend_of(reason),
        can_be_sent_again=0 if hopeless else sum(can_be_sent(body) for body in bodies),
        sample=newest[0] if newest else None,
        worth=worth[:WORTH],
        amount=money_text(exact_sum(amounts)) if amounts else None,
        unpriced=0 if hopeless else unknown + max(0, records - looked_at),
    )


def attempt_of(sight: Sight, attempt: Any) -> Record:
    """An attempt; for sent records that were not looked up, the ones that died again."""
    found: Record = asdict(attempt)
    for outcome in found["outcomes"]:
        if outcome["outcome"] == "pending":
            place = (outcome["topic"], outcome["sent_partition"], outcome["sent_offset"])
            query = "SELECT reason FROM letters WHERE topic = ? AND partition = ? AND offset = ?"
            row = sight.row(query, *place)
            if row is not None:
                outcome.update(outcome="dead", reason=row[0])
    return found


def can_be_sent(body: Record) -> bool:
    """Whether a letter holds enough to be sent again, or says where its records are."""
    if body["reason"] == DeadReason.RECORDS_LOST or not is_input(body["topic"]):
        return False
    return bool(body.get("records")) or (body.get("last_offset") is None and body.get("value") is not None)


def _letter(letter: Record, partition: int, offset: int, records: int, tries: int) -> LetterView:
    return LetterView(
        reason=letter["reason"],
        error=letter["error"],
        topic=letter["topic"],
        partition=letter["partition"],
        offset=letter["offset"],
        letter_partition=partition,
        letter_offset=offset,
        records=records,
        at=letter["at"],
        key=_text(letter.get("key")),
        value=_text(letter.get("value")),
        tries=tries,
    )


def _text(content: str | None) -> str | None:
    """Base64 bytes as text: invalid UTF-8 becomes escapes, long text is truncated."""
    if content is None:
        return None
    text = b64decode(content).decode("utf-8", "backslashreplace")
    return text if len(text) <= VALUE_SHOWN else f"{text[:VALUE_SHOWN]}…"
