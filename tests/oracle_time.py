"""The oracle's own reading of time (SPEC sections 7 and 8): instants are whole microseconds since 1970 UTC.

Days are `datetime.date.toordinal()`. Nothing here uses a datetime with a zone except to ask an IANA zone.
"""

import datetime
import re
from zoneinfo import ZoneInfo

DAY_US = 86_400_000_000
EPOCH = datetime.date(1970, 1, 1).toordinal()
LAST = datetime.date.max.toordinal()
TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?(?:(Z)|([+-])([0-9]{2}):([0-9]{2}))"
)
DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
OFFSET = re.compile(r"([+-])([0-9]{2}):([0-9]{2})")


def instant(text: object) -> int | None:
    """Microseconds of a time as SPEC section 8 writes it, digits beyond the microsecond cut; None if it is not one."""
    match = TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    day = ordinal("-".join(match.group(1, 2, 3)))
    hour, minute, second = (int(part) for part in match.group(4, 5, 6))
    if day is None or hour > 23 or minute > 59 or second > 59:
        return None
    micros = int(((match.group(7) or "") + "000000")[:6])
    offset = 0
    if match.group(8) is None:
        away_hours, away_minutes = int(match.group(10)), int(match.group(11))
        if away_hours > 23 or away_minutes > 59:
            return None
        offset = (away_hours * 60 + away_minutes) * (1 if match.group(9) == "+" else -1)
    seconds = hour * 3600 + minute * 60 + second - offset * 60
    return (day - EPOCH) * DAY_US + seconds * 1_000_000 + micros


def ordinal(text: object) -> int | None:
    """The day that `YYYY-MM-DD` names, or None."""
    match = DAY.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    try:
        return datetime.date(int(match.group(1)), int(match.group(2)), int(match.group(3))).toordinal()
    except ValueError:
        return None


def day_text(day: int) -> str:
    """`YYYY-MM-DD` of a day."""
    return datetime.date.fromordinal(day).isoformat()


def time_text(time_us: int, offset: str = "Z") -> str:
    """How a producer would write an instant at an offset, to the microsecond (for making records)."""
    seconds, micros = divmod(time_us + _offset_us(offset), 1_000_000)
    moment = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(seconds=seconds)
    moment = moment.replace(microsecond=micros, tzinfo=None)
    return moment.isoformat(timespec="microseconds" if micros else "seconds") + offset


def billing_day(time_us: int, zone: str) -> int:
    """The local date of an instant in a billing zone (IANA name or fixed offset), clamped to the years 1 to 9999."""
    if OFFSET.fullmatch(zone):
        return _clamped(time_us + _offset_us(zone))
    utc_day = _clamped(time_us)
    if utc_day <= 2 or utc_day >= LAST - 1:
        return utc_day
    moment = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(microseconds=time_us)
    return moment.astimezone(ZoneInfo(zone)).date().toordinal()


def start_of(day: int, zone: str) -> int:
    """The first instant of a day in a fixed-offset zone (for making records)."""
    return (day - EPOCH) * DAY_US - _offset_us(zone)


def _clamped(local_us: int) -> int:
    return min(max(EPOCH + local_us // DAY_US, 1), LAST)


def _offset_us(text: str) -> int:
    if text in ("Z", "UTC"):
        return 0
    match = OFFSET.fullmatch(text)
    assert match is not None, f"{text} is no fixed offset"
    sign = 1 if match.group(1) == "+" else -1
    return sign * (int(match.group(2)) * 3600 + int(match.group(3)) * 60) * 1_000_000
