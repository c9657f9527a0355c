"""An open day as published, and its estimated end in units and money.

Running usage of a workspace is in `overages` (once it is over or pays as it goes) and in `quota-balances` (once a plan
covers it): the record of the highest revision counts. Kafka's time of a record says by when it was published.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from meter.advise.forecast import ItemForecast, Moment, PastDay, hidden, item_forecast
from meter.advise.replay import Replay, amount_of
from meter.rules.allocation import allocate
from meter.rules.charges import exact_sum, package_rate
from meter.rules.plans import shares_on
from schemas.balances import QuotaBalance
from schemas.overages import Overage
from schemas.rows import Plan

ZERO = Decimal(0)


@dataclass(slots=True)
class Running:
    """A workspace's usage of an item on a day, and what it is charged."""

    revision: int
    usage: int
    charge: Decimal = ZERO
    charge_revision: int = 0


@dataclass(slots=True)
class DayUsage:
    """A day by (item, workspace): at its end or as of now, and at a cut-off instant."""

    latest: dict[tuple[str, str], Running] = field(default_factory=dict)
    reached: dict[tuple[str, str], Running] = field(default_factory=dict)

    def usage(self, item: str, *, reached: bool = False) -> int:
        """Usage of an item, of all workspaces."""
        cells = self.reached if reached else self.latest
        return sum(each.usage for (name, _), each in cells.items() if name == item)


class Watched:
    """Days of one account, filled with records in any order; `cut_offs`: by day, the instant (ms) of `reached`."""

    def __init__(self, cut_offs: Mapping[str, int]) -> None:
        self.days = {day: DayUsage() for day in cut_offs}
        self._cut_offs = cut_offs

    def take_overage(self, record: Overage, at_ms: int) -> None:
        """A record of `overages`."""
        for cells in self._cells(record.day, at_ms):
            running = cells.setdefault((record.item, record.workspace), Running(0, 0))
            if record.revision >= running.revision:
                running.revision, running.usage = record.revision, record.usage
            if record.revision > running.charge_revision:
                running.charge_revision, running.charge = record.revision, record.charge.amount

    def take_balance(self, record: QuotaBalance, at_ms: int) -> None:
        """A record of `quota-balances`."""
        for cells in self._cells(record.day, at_ms):
            for each in record.workspaces:
                running = cells.setdefault((record.item, each.workspace), Running(0, 0))
                if record.revision >= running.revision:
                    running.revision, running.usage = record.revision, each.usage

    def _cells(self, day: str, at_ms: int) -> Iterable[dict[tuple[str, str], Running]]:
        if day in self.days:
            yield self.days[day].latest
            if at_ms <= self._cut_offs[day]:
                yield self.days[day].reached


class Charges(NamedTuple):
    """Charges of a day: exact now, and estimated at its end (P10, median, P90); None: no estimate."""

    now: Decimal
    end: tuple[Decimal, Decimal, Decimal] | None


@dataclass(frozen=True, slots=True)
class DayForecast:
    """An open day: its items, what they are charged, and all charges; `reason`: why nothing is estimated, or "".

    `cells`: by item and workspace, usage and charge at the end, by the median.
    """

    moment: Moment
    items: tuple[ItemForecast, ...]
    by_item: dict[str, Charges]
    charges: Charges
    cells: dict[tuple[str, str], tuple[int, Decimal]]
    reason: str


def day_forecast(
    moment: Moment, today: DayUsage, past: Mapping[int, DayUsage], plans: Sequence[Plan], replay: Replay
) -> DayForecast:
    """The forecast of a day from past days (by ordinal), under the plans that the account has."""
    known = {day: usage for day, usage in sorted(past.items()) if usage.latest}
    reason = hidden(moment, len(known))
    names = sorted({name for usage in (today, *known.values()) for name, _ in usage.latest})
    items, by_item = [], {}
    cells: dict[tuple[str, str], tuple[int, Decimal]] = {}
    for name in names:
        is_max = replay.priced(name, moment.day).aggregation == "max"
        days = [PastDay(day, each.usage(name, reached=True), each.usage(name)) for day, each in known.items()]
        found = item_forecast(name, is_max, today.usage(name), moment.day, () if reason else days)
        running = {who: each for (item, who), each in today.latest.items() if item == name}
        now = exact_sum(each.charge for each in running.values())
        items.append(found)
        if found.estimate is None:
            by_item[name] = Charges(now, None)
            continue
        low, middle, high = (_ended(moment.day, found, usage, running, plans, replay) for usage in found.estimate)
        by_item[name] = Charges(now, (_charged(low), _charged(middle), _charged(high)))
        cells |= {(name, who): end for who, end in middle.items()}
    return DayForecast(moment, tuple(items), by_item, _in_all(by_item.values(), reason), cells, reason)


def _in_all(charges: Iterable[Charges], reason: str) -> Charges:
    every = list(charges)
    now = exact_sum(each.now for each in every)
    if reason:
        return Charges(now, None)
    ends = [each.end or (each.now,) * 3 for each in every]
    low, middle, high = (sum((end[place] for end in ends), ZERO) for place in range(3))
    return Charges(now, (low, middle, high))


Ends = dict[str, tuple[int, Decimal]]


def _charged(ends: Ends) -> Decimal:
    return sum((charge for _, charge in ends.values()), ZERO)


def _ended(
    day: int, found: ItemForecast, usage: int, running: Mapping[str, Running], plans: Sequence[Plan], replay: Replay
) -> Ends:
    """Usage and charge of each workspace if the item comes to `usage`: all grow alike, the rules do the rest.

    No charge is below that of now.
    """
    if not found.now:
        return {who: (each.usage, each.charge) for who, each in running.items()}
    shares = shares_on(plans, found.item, day)
    listed = {who for share in shares for who in share.workspaces}
    grown = {who: -(-each.usage * usage // found.now) for who, each in running.items()}
    covered, _ = allocate(shares, {who: used for who, used in grown.items() if who in listed})
    rate = package_rate(replay.priced(found.item, day))
    return {
        who: (
            used,
            max(
                running[who].charge,
                amount_of(rate, used - covered[who]) if who in listed else running[who].charge * usage / found.now,
            ),
        )
        for who, used in grown.items()
    }
