"""The end of an open day, estimated: usage of now, grown by the share of a day that past days had reached by this
time.

Never below the usage of now, in any zone, at any time: a share is at most 1. A max item is not grown: its estimate is
its usual maximum. Hidden in the first two hours of a day and with fewer than five days of history. Days are compared
by the share of them that is over, so days of 23 and 25 hours need no code of their own.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from meter.rules.billing_days import SECOND_US, BillingZone
from schemas.plurals import counted

HOUR_US = 3_600 * SECOND_US
#: No forecast before this much of the day is over.
LEAST_ELAPSED_US = 2 * HOUR_US
#: Nor with fewer days of history than these, of all days or of one kind.
LEAST_PAST_DAYS = 5
#: A past day that had reached less than this share by now is added to today, not multiplied.
LEAST_SHARE = 0.05
SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Moment:
    """How far a day has come: `elapsed_us` of `length_us`."""

    day: int
    elapsed_us: int
    length_us: int

    @property
    def share(self) -> float:
        """How much of the day is over, 0 to 1."""
        return self.elapsed_us / self.length_us

    def at_the_same_share(self, zone: BillingZone, day: int) -> int:
        """The instant (µs) at which the same share of another day was over."""
        begin = zone.begin_of(day)
        return begin + (zone.end_of(day) - begin) * self.elapsed_us // self.length_us


def moment_of(zone: BillingZone, now_us: int) -> Moment:
    """How much of its billing day is over at an instant."""
    day = zone.day_of(now_us)
    begin = zone.begin_of(day)
    return Moment(day, max(0, now_us - begin), zone.end_of(day) - begin)


class PastDay(NamedTuple):
    """A past day of an item: its usage at the same share of the day as now, and at its end."""

    day: int
    reached: int
    final: int

    @property
    def work_day(self) -> bool:
        """Monday to Friday."""
        return (self.day - 1) % 7 < SATURDAY


class Estimate(NamedTuple):
    """Usage at the end of the day: P10, median and P90 over the past days, each continuing today as it went on."""

    low: int
    middle: int
    high: int


@dataclass(frozen=True, slots=True)
class ItemForecast:
    """`estimate` is None where the item has too few past days; `by`: what it is compared with, in words."""

    item: str
    now: int
    is_max: bool
    estimate: Estimate | None
    by: str


def hidden(moment: Moment, past_days: int) -> str:
    """Why no forecast is given; "" if it is."""
    if moment.elapsed_us < LEAST_ELAPSED_US:
        minutes = moment.elapsed_us // (60 * SECOND_US)
        return f"no forecast in the first 2 hours of a day: this one is {counted(minutes, 'minute')} old"
    if past_days < LEAST_PAST_DAYS:
        there = "there is 1" if past_days == 1 else f"there are {past_days}"
        return f"no forecast with fewer than {LEAST_PAST_DAYS} days of history: {there}"
    return ""


def item_forecast(item: str, is_max: bool, now: int, today: int, past: Sequence[PastDay]) -> ItemForecast:
    """The estimate of an item from its past days, those of the same kind where there are enough of them."""
    used = [each for each in past if each.final > 0]
    kind = PastDay(today, 0, 0).work_day
    alike = [each for each in used if each.work_day == kind]
    chosen, by = used, f"the last {len(used)} days"
    if len(alike) >= LEAST_PAST_DAYS:
        chosen, by = alike, f"the last {len(alike)} {'work days' if kind else 'week-end days'}"
    if len(chosen) < LEAST_PAST_DAYS:
        return ItemForecast(item, now, is_max, None, f"only {counted(len(used), 'past day')} with usage")
    ends = sorted(max(now, each.final if is_max else _grown(now, each)) for each in chosen)
    low, middle, high = (ends[place] for place in _places(len(ends)))
    return ItemForecast(item, now, is_max, Estimate(low, middle, high), by)


def _grown(now: int, past: PastDay) -> int:
    """Today's end if it continues as that past day did."""
    reached = min(past.reached, past.final)
    if now == 0 or reached < LEAST_SHARE * past.final:
        return now + past.final - reached
    return -(-now * past.final // reached)


def _places(count: int) -> tuple[int, int, int]:
    """The positions of P10, median and P90 in `count` sorted values; never between two values."""
    return int(0.1 * (count - 1)), (count - 1) // 2, math.ceil(0.9 * (count - 1))
