"""How fast usage may grow or fall, month by month, before an alternative no longer pays in the days it is paid for.

The scale of usage at which a ranking flips says nothing about time: what is bought today is paid for a year, and usage
does not stay. So the days ahead are walked month by month, usage a share larger or smaller in each.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, floor, log

from meter.advise.changes import AddTraffic, Buy, Change, ChangeWorkspaces, Upgrade, days_left
from meter.advise.savings import interval
from schemas.rows import Plan

MONTH_DAYS = 30
#: Rates a month that are tried: usage falls to a fourteenth in a year, or grows ninefold.
LEAST_GROWTH, MOST_GROWTH, RATES = -0.2, 0.2, 41
#: Edges are found to a twentieth of a percent a month.
NEAR = 0.0005
#: A curve is worked out at scales this far apart (a share), and straight between them.
STEP = 0.02


@dataclass(frozen=True, slots=True)
class Growth:
    """Between which rates of growth a month (0.02: 2 % more each month) an alternative saves over `days` from today.

    `LEAST_GROWTH` and `MOST_GROWTH` are the ends of what was tried.
    """

    least: float
    most: float
    days: int


def grows_while(saved_at: Callable[[float], float], days: int) -> Growth | None:
    """The rates nearest to 0 at which something is saved in all; `saved_at`: from a scale of usage, as for a day."""
    months = [min(MONTH_DAYS, days - begin) for begin in range(0, days, MONTH_DAYS)]

    def saved(rate: float) -> float:
        return sum(saved_at((1 + rate) ** (number + 0.5)) * length for number, length in enumerate(months))

    rates = [LEAST_GROWTH + (MOST_GROWTH - LEAST_GROWTH) * number / (RATES - 1) for number in range(RATES)]
    found = interval(saved, rates, 0.0, NEAR)
    return None if found is None else Growth(*found, days)


def days_ahead(changes: Sequence[Change], plans: Sequence[Plan], validity_days: int, today: int) -> int:
    """For how many days the figures of some changes hold: until the first of the plans concerned ends."""
    found = {plan.plan_id: plan for plan in plans}
    ahead = [validity_days]
    for change in changes:
        match change:
            case AddTraffic(plan_id, _) | Upgrade(plan_id, _) | ChangeWorkspaces(plan_id, _):
                if plan_id in found:
                    ahead.append(days_left(found[plan_id], today))
            case Buy() | _:
                pass
    return max(1, min(ahead))


def sampled(curve: Callable[[float], float]) -> Callable[[float], float]:
    """The same curve, worked out at few scales: for a walk that asks for many."""
    known: dict[int, tuple[float, float]] = {}

    def point(number: int) -> tuple[float, float]:
        if number not in known:
            scale = exp(number * STEP)
            known[number] = scale, curve(scale)
        return known[number]

    def value(scale: float) -> float:
        number = floor(log(scale) / STEP)
        (low, at_low), (high, at_high) = point(number), point(number + 1)
        return at_low + (at_high - at_low) * (scale - low) / (high - low)

    return value
