"""Formats figures, days and times for pages: short, exact in the title, in the billing zone."""

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

#: Below this a quantity is written in full.
IN_FULL_BELOW = 10_000
#: The size from which a unit is used, and its letter: readers who buy by the million prefer 1,949 M to 1.949 G.
SIZES = ((10**13, 10**12, "T"), (10**10, 10**9, "G"), (10**6, 10**6, "M"), (10**4, 10**3, "k"))
#: Digits of a shortened quantity. It is truncated, never rounded up: 149,999,999 is not yet 150 M.
DIGITS = 4
MINUS = "−"


def short(value: int) -> str:
    """A quantity in a few characters: exact below 10,000, else truncated to four digits and k, M, G or T."""
    sign, size = (MINUS if value < 0 else ""), abs(value)
    if size < IN_FULL_BELOW:
        return f"{sign}{size:,}"
    unit, letter = next((unit, letter) for least, unit, letter in SIZES if size >= least)
    decimals = max(0, DIGITS - len(str(size // unit)))
    cut = size * 10**decimals // unit
    whole, rest = divmod(cut, 10**decimals)
    tail = f"{rest:0{decimals}}".rstrip("0") if decimals else ""
    return f"{sign}{whole:,}{'.' + tail if tail else ''} {letter}"


def full(value: int) -> str:
    """A quantity with all its digits: 50,000,000."""
    return f"{MINUS if value < 0 else ''}{abs(value):,}"


def money(amount: object, signed: bool = False) -> str:
    """An amount with all its decimals: 1,234.50; `signed`: +75.00."""
    return _money(str(amount), signed)


@lru_cache(8_192)
def _money(amount: str, signed: bool) -> str:
    value = Decimal(amount)
    digits = format(abs(value), "f")
    whole, _, decimals = digits.partition(".")
    sign = MINUS if value < 0 else ("+" if signed and value > 0 else "")
    return f"{sign}{int(whole):,}.{decimals.ljust(2, '0')}"


def percent(part: int, whole: int) -> str:
    """A share, truncated to whole percents; "<1 %" for a share between 0 and 1 percent."""
    if whole <= 0:
        return "–"
    share = part * 100 // whole
    return "<1 %" if share == 0 and part > 0 else f"{share:,} %"


def ago(seconds: float) -> str:
    """A duration: 0.4 s, 12 s, 3 min, 2 h, 5 d."""
    if seconds < 10:
        return f"{max(seconds, 0.0):.1f} s"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"


def long_day(day: str) -> str:
    """A day for a heading: Saturday, 31 January 2026."""
    found = date.fromisoformat(day)
    return f"{found:%A}, {found.day} {found:%B %Y}"


def day_words(day: str) -> str:
    """A day in a sentence: 31 January 2026."""
    found = date.fromisoformat(day)
    return f"{found.day} {found:%B %Y}"


def clock(time: str, seconds: bool = True) -> str:
    """The time of day of an instant in the billing zone: 20:00:03."""
    return time[11:19] if seconds else time[11:16]


def moment(time: str) -> str:
    """An instant in the billing zone: 2026-01-31 20:00:03."""
    return f"{time[:10]} {time[11:19]}"


@lru_cache(8)
def rules_of(time_zone: str) -> tzinfo:
    """A zone for `datetime`, from an IANA name or a fixed offset such as `+05:37`."""
    if time_zone[:1] not in ("+", "-"):
        return ZoneInfo(time_zone)
    offset = timedelta(hours=int(time_zone[1:3]), minutes=int(time_zone[4:]))
    return timezone(-offset if time_zone[0] == "-" else offset)


class DaySpan:
    """A billing day on the clock: its hours, and the position of an instant (percent)."""

    def __init__(self, begins: str, ends: str, time_zone: str) -> None:
        self._rules = rules_of(time_zone)
        self._begins, self._ends = datetime.fromisoformat(begins), datetime.fromisoformat(ends)
        #: Seconds; a day of 23 hours has 82,800.
        self.seconds = (self._ends - self._begins).total_seconds()

    @cached_property
    def hours(self) -> list[dict[str, float | str]]:
        """Each hour of the clock: its label, its start and its width (percent).

        A day of 23 hours has 23, one of 25 has 25; a zone whose days begin within an hour has a shorter last one.
        """
        found: list[dict[str, float | str]] = []
        count = -(-int(self.seconds) // 3600)
        for hour in range(count):
            at = (self._begins.astimezone(UTC) + timedelta(hours=hour)).astimezone(self._rules)
            x = hour * 3600 * 100 / self.seconds
            width = min(3600 * 100 / self.seconds, 100 - x)
            found.append({"clock": f"{at:%H:%M}", "x": round(x, 3), "width": round(width, 3)})
        return found

    def place(self, time: str) -> float:
        """The position of an instant in the day, in percent; 0 before the day, 100 after it."""
        passed = (datetime.fromisoformat(time) - self._begins).total_seconds()
        return round(min(max(passed * 100 / self.seconds, 0.0), 100.0), 3)
