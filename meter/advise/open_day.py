"""An open day as its published records tell it, and its end in units and money.

Running usage of a workspace is in `overages` (once it is over or pays as it goes) and in `quota-balances` (once a plan
covers it): the record of the highest revision stands. Kafka's time of a record says by when it was published.
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
    """A day by (item, workspace): as it ended, or is now, and as it was by a cut-off instant."""

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
    """An open day: its items, what they are charged, and all charges; `reason`: why nothing is estimated, or ""."""

    moment: Moment
    items: tuple[ItemForecast, ...]
    by_item: dict[str, Charges]
    charges: Charges
    reason: str


def day_forecast(
    moment: Moment, today: DayUsage, past: Mapping[int, DayUsage], plans: Sequence[Plan], replay: Replay
) -> DayForecast:
    """The forecast of a day from past days (by ordinal), under the plans that the account has."""
    known = {day: usage for day, usage in sorted(past.items()) if usage.latest}
    reason = hidden(moment, len(known))
    names = sorted({name for usage in (today, *known.values()) for name, _ in usage.latest})
    items, by_item = [], {}
    for name in names:
        is_max = replay.priced(name, moment.day).aggregation == "max"
        days = [PastDay(day, each.usage(name, reached=True), each.usage(name)) for day, each in known.items()]
        found = item_forecast(name, is_max, today.usage(name), moment.day, () if reason else days)
        now = exact_sum(each.charge for (item, _), each in today.latest.items() if item == name)
        items.append(found)
        by_item[name] = Charges(now, None if reason else _ends(moment.day, today, found, plans, replay))
    return DayForecast(moment, tuple(items), by_item, _in_all(by_item.values(), reason), reason)


def _in_all(charges: Iterable[Charges], reason: str) -> Charges:
    every = list(charges)
    now = exact_sum(each.now for each in every)
    if reason:
        return Charges(now, None)
    ends = [each.end or (each.now,) * 3 for each in every]
    return Charges(
        now, (exact_sum(end[0] for end in ends), exact_sum(end[1] for end in ends), exact_sum(end[2] for end in ends))
    )


def _ends(
    day: int, today: DayUsage, found: ItemForecast, plans: Sequence[Plan], replay: Replay
) -> tuple[Decimal, Decimal, Decimal] | None:
    """What an item is charged at the three estimates of its usage: all workspaces grow alike, the rules do the rest."""
    if found.estimate is None:
        return None
    cells = {who: each for (item, who), each in today.latest.items() if item == found.item}
    low, middle, high = (_charged(day, found, usage, cells, plans, replay) for usage in found.estimate)
    return low, middle, high


def _charged(
    day: int,
    found: ItemForecast,
    usage: int,
    cells: Mapping[str, Running],
    plans: Sequence[Plan],
    replay: Replay,
) -> Decimal:
    """The charge of an item if its usage comes to `usage`; never below that of now."""
    if not found.now:
        return exact_sum(each.charge for each in cells.values())
    shares = shares_on(plans, found.item, day)
    listed = {who for share in shares for who in share.workspaces}
    grown = {who: -(-each.usage * usage // found.now) for who, each in cells.items() if who in listed}
    covered, _ = allocate(shares, grown)
    rate = package_rate(replay.priced(found.item, day))
    over = exact_sum(amount_of(rate, used - covered[who]) for who, used in grown.items())
    unlisted = sum((each.charge for who, each in cells.items() if who not in listed), ZERO)
    return max(over + unlisted * usage / found.now, exact_sum(each.charge for each in cells.values()))
