"""The periods of budgets: billing days, and calendar months of them."""

from datetime import date
from typing import NamedTuple

from schemas.budgets import Period as PeriodName


class Period(NamedTuple):
    """Days from `first` to `last`, both included."""

    first: int
    last: int


def period_of(name: PeriodName, day: int) -> Period:
    """The period that a day belongs to."""
    if name == "day":
        return Period(day, day)
    first = date.fromordinal(day).replace(day=1)
    following = date(first.year + (first.month == 12), first.month % 12 + 1, 1)
    return Period(first.toordinal(), following.toordinal() - 1)


def watched_from(name: PeriodName, today: int) -> int:
    """The first day that is watched: that of the present period, and of yesterday's, which late usage still changes."""
    return period_of(name, today - 1).first
