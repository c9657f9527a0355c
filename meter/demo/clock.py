"""A billing day that is nearly over: a fixed-offset zone in which it is now twenty to midnight.

So the demo's whole day lies in the past hours of today: no event comes from the future, and no order waits for
its first day. Twenty minutes are left, and the demo takes less than two.
"""

from typing import NamedTuple

from meter.demo.records import MINUTE_US

DAY_MINUTES = 24 * 60
#: What the clocks of the zone say.
NOW_MINUTE = 23 * 60 + 40
#: No place on earth is further ahead of UTC.
FURTHEST_AHEAD = 14 * 60


class Clock(NamedTuple):
    """The zone by its name, and the instant at which its day began (µs)."""

    zone: str
    day_us: int


def nearly_over(now_us: int) -> Clock:
    """The zone in which it is `NOW_MINUTE` of the day at an instant."""
    utc_minute = now_us // MINUTE_US
    offset = (NOW_MINUTE - utc_minute) % DAY_MINUTES
    if offset > FURTHEST_AHEAD:
        offset -= DAY_MINUTES
    hours, minutes = divmod(abs(offset), 60)
    return Clock(f"{'-' if offset < 0 else '+'}{hours:02}:{minutes:02}", (utc_minute - NOW_MINUTE) * MINUTE_US)


def shown(minute: int) -> str:
    """A minute of the day as clocks show it."""
    return f"{minute // 60:02}:{minute % 60:02}"
