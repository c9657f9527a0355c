"""Builds the whole answer from values: a cell, its published records, and what journal and dead letters say."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from meter.explain.cell import Cell, Figure, figure_of
from meter.explain.change_model import Drivers
from meter.explain.figures import charge_of_figure, plans_of, usage_of
from meter.explain.history import Published, changes, missing
from meter.explain.model import Explanation, Letter, Source, State
from meter.explain.sentences import sentence
from meter.explain.what_if import what_would_change_it
from meter.kafka.topics import COMPACTION_LAG_DAYS
from meter.rules.billing_days import BillingZone, day_text

NOT_ASKED = "not asked for"


@dataclass(frozen=True, slots=True)
class Day:
    """The billing day: its zone, and whether its figures may still change."""

    day: int
    zone: BillingZone
    state: State
    #: The last day on which a closed day may be restated.
    changes_until: int


@dataclass(frozen=True, slots=True)
class Sources:
    """The source records, or why they are missing."""

    sources: list[Source] | None = None
    reason: str | None = NOT_ASKED
    letters: list[Letter] = field(default_factory=list)


def explanation(
    cell: Cell,
    day: Day,
    published: Sequence[Published],
    sources: Sources,
    drivers: Drivers | None = None,
    notes: Sequence[str] = (),
) -> Explanation:
    """Why the figure is what it is; `published` rises in revision and ends with the one to be explained."""
    figure = figure_of(cell)
    last = published[-1].record if published else None
    return Explanation(
        sentence=sentence(cell, figure),
        account=cell.account,
        workspace=cell.own.workspace,
        item=cell.item.name,
        day=day_text(cell.day),
        state=day.state,
        changes_until=day_text(day.changes_until),
        time_zone=day.zone.name,
        currency=cell.currency,
        revision=0 if last is None else last.revision,
        restated=last is not None and last.restated,
        covered=figure.covered,
        overage=figure.overage,
        usage=usage_of(cell, figure, day.zone),
        plans=plans_of(cell, figure),
        charge=charge_of_figure(cell, figure),
        history=changes(published, day.zone),
        history_reason=missing(published, COMPACTION_LAG_DAYS),
        what_would_change_it=what_would_change_it(cell, figure),
        sources=sources.sources,
        sources_reason=sources.reason,
        dead_letters=sources.letters,
        drivers=drivers,
        notes=[*notes, *unknown(cell, figure), *disagreement(figure, published)],
    )


def unknown(cell: Cell, figure: Figure) -> list[str]:
    """A note that nothing is known of the workspace: its name may be misspelt."""
    name = cell.own.workspace
    if figure.usage or cell.own.sums or figure.listing(name):
        return []
    return [
        f"nothing was counted for {name}, and no plan of {cell.account} lists it: is it a workspace of {cell.account}?"
    ]


def disagreement(figure: Figure, published: Sequence[Published]) -> list[str]:
    """How the figure differs from the published one: then an input is no longer kept, or something is wrong."""
    if not published:
        if figure.overage == 0:
            return []
        return [f"nothing is published under this key, but {figure.overage:,} are over; `meter verify` counts again"]
    record = published[-1].record
    wrong = [
        f"{name} is {each} as published and {found} as explained"
        for name, each, found in (
            ("usage", record.usage, figure.usage),
            ("covered", record.covered, figure.covered),
            ("overage", record.overage, figure.overage),
            ("the charge", str(record.charge.amount), figure.charge.amount),
        )
        if str(each) != str(found)
    ]
    return [f"revision {record.revision}: {'; '.join(wrong)}; `meter verify` counts again"] if wrong else []
