"""Billing days and instants: from text to microseconds since 1970 UTC, and from those to the day in a zone.

A day is `date.toordinal()`. A zone cuts every UTC day into runs of one local date and caches them, so days of 23 and
25 hours, days without a midnight and skipped dates need no special case. Every instant has a day: one outside the
years 1 to 9999 belongs to the first or the last day.
"""

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from schemas.days import TIME_PATTERN, parse_date
from schemas.ids import shown

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
DAY_SECONDS = 86_400
DAY_US = DAY_SECONDS * SECOND_US
FIRST_DAY = date.min.toordinal()
LAST_DAY = date.max.toordinal()
EPOCH_DAY = date(1970, 1, 1).toordinal()
#: UTC days whose runs a zone caches: far more than a restatement horizon needs, 1 MB at most.
RUNS_KEPT = 4096
#: Days whose text, and hours whose first instant, are cached: all of a restatement horizon.
TEXTS_KEPT = 4096

Run = tuple[int, int, int]  # since_us, until_us (exclusive), day: instants of one local date, without a gap


class BillingZone:
    """The billing time zone: which day an instant belongs to, and when a day is over."""

    def __init__(self, name: str, rules: tzinfo) -> None:
        """Use `zone()` instead: it reads a name."""
        self.name = name
        self._rules = rules
        self._runs: dict[int, list[Run]] = {}
        self._run: Run = (0, 0, 0)  # the run last used; one tuple, so that threads read it whole

    def day_of(self, time_us: int) -> int:
        """The billing day of an instant."""
        since, until, day = self._run
        return day if since <= time_us < until else self._find_day(time_us)

    def end_of(self, day: int) -> int:
        """The instant (µs) from which on every instant belongs to a later day.

        Where clocks go back over midnight a date occurs twice; its day ends after the second time.
        """
        return max(
            until
            for utc_day in (day - 1, day, day + 1)  # offsets are shorter than a day: no other UTC day has this date
            for _, until, local in self._runs_of(utc_day)
            if local <= day
        )

    def begin_of(self, day: int) -> int:
        """The first instant (µs) of the day; for a date that the zone skips, that of the next day."""
        around = range(day - 1, day + 2)
        return min(since for utc_day in around for since, _, local in self._runs_of(utc_day) if local >= day)

    def local_text(self, time_us: int) -> str:
        """The instant in this zone, to the millisecond, with its offset; outside the calendar as `time_text`."""
        if not MINUTE_US < time_us - (FIRST_DAY + 1 - EPOCH_DAY) * DAY_US < (LAST_DAY - FIRST_DAY - 2) * DAY_US:
            return time_text(time_us)
        seconds, micro = divmod(time_us, SECOND_US)
        utc = datetime.fromordinal(EPOCH_DAY).replace(tzinfo=UTC) + timedelta(seconds=seconds, microseconds=micro)
        return utc.astimezone(self._rules).isoformat(timespec="milliseconds")

    def _find_day(self, time_us: int) -> int:
        for run in self._runs_of(time_us // DAY_US + EPOCH_DAY):
            if time_us < run[1]:
                break
        self._run = run
        return run[2]

    def _runs_of(self, utc_day: int) -> list[Run]:
        runs = self._runs.get(utc_day)
        if runs is None:
            if len(self._runs) >= RUNS_KEPT:
                self._runs.clear()
            runs = self._runs[utc_day] = self._cut(utc_day)
        return runs

    def _cut(self, utc_day: int) -> list[Run]:
        """The runs of one UTC day: cut where the offset changes, then at local midnights."""
        start = (utc_day - EPOCH_DAY) * DAY_SECONDS
        end = start + DAY_SECONDS
        first, last = self._offset(start), self._offset(end - 1)
        if first == last:
            return _at_midnights(start, end, first)
        change = self._change_of_offset(start, end - 1, first)
        return _at_midnights(start, change, first) + _at_midnights(change, end, last)

    def _change_of_offset(self, before: int, after: int, offset: int) -> int:
        """The second at which `offset` ends. (No zone changes twice in a day: IANA's least distance is four days.)"""
        while after - before > 1:
            middle = (before + after) // 2
            if self._offset(middle) == offset:
                before = middle
            else:
                after = middle
        return after

    def _offset(self, second: int) -> int:
        """Local time minus UTC in seconds; near the ends of the calendar, that of the nearest day."""
        day = min(max(second // DAY_SECONDS + EPOCH_DAY, FIRST_DAY + 1), LAST_DAY - 1)
        instant = datetime.fromordinal(day) + timedelta(seconds=second % DAY_SECONDS)
        offset = instant.replace(tzinfo=UTC).astimezone(self._rules).utcoffset()
        assert offset is not None, f"zone {self.name} has no offset"
        return offset.days * DAY_SECONDS + offset.seconds


def _at_midnights(start: int, end: int, offset: int) -> list[Run]:
    """The runs of an interval (seconds) that has one offset."""
    runs = []
    while start < end:
        local_day = (start + offset) // DAY_SECONDS
        until = min(end, (local_day + 1) * DAY_SECONDS - offset)
        day = min(max(local_day + EPOCH_DAY, FIRST_DAY), LAST_DAY)
        runs.append((start * SECOND_US, until * SECOND_US, day))
        start = until
    return runs


_iana_names = lru_cache(1)(available_timezones)  # it reads some 600 files
_fixed_offset = re.compile(r"[+-]([01][0-9]|2[0-3]):[0-5][0-9]").fullmatch


def zone(name: str) -> BillingZone:
    """The zone of an IANA name or a fixed offset such as `+05:37`; ValueError for anything else."""
    if _fixed_offset(name):
        return BillingZone(name, timezone(timedelta(minutes=_offset_minutes(name))))
    if name not in _iana_names():
        raise ValueError(f"a time zone must be an IANA name or an offset such as +05:37, not {shown(name)}")
    return BillingZone(name, ZoneInfo(name))


# Parsing times. `schemas.days` has the pattern. Nearly every time is UTC and in an hour met before, so two look-ups
# parse it. They accept only texts that the pattern accepts; any other text is matched against the pattern.

_time = re.compile(TIME_PATTERN, re.ASCII).fullmatch
_hours: dict[str, int] = {}  # "2026-01-31T08:" -> its beginning, µs
_IN_HOUR = {f"{s // 60:02}:{s % 60:02}Z": s * SECOND_US for s in range(3600)}
_IN_HOUR_AND_POINT = {f"{s // 60:02}:{s % 60:02}.": s * SECOND_US for s in range(3600)}
_MICROSECONDS = (0, 100_000, 10_000, 1_000, 100, 10, 1)  # µs of the last digit, by the number of decimals


def parse_time(text: str) -> int:
    """Microseconds since 1970 UTC of a time as SPEC section 8 writes it; further digits are cut.

    ValueError with a sentence for any other text. With an offset the instant may lie outside the years 1 to 9999.
    """
    try:
        if len(text) == 20:
            return _hours[text[:14]] + _IN_HOUR[text[14:]]
        decimals = text[20:-1]
        if text[-1:] == "Z" and len(decimals) <= 9 and decimals.isascii() and decimals.isdecimal():
            whole = _hours[text[:14]] + _IN_HOUR_AND_POINT[text[14:20]]
            return whole + int(decimals[:6]) * _MICROSECONDS[min(len(decimals), 6)]
    except KeyError:
        pass
    return _read_time(text)


def _read_time(text: str) -> int:
    if _time(text) is None:
        raise ValueError(f'a time must be a string such as "2026-01-31T08:00:00.5+08:00", not {shown(text)}')
    time_us = _hour(text[:14]) + _IN_HOUR_AND_POINT[f"{text[14:19]}."]
    decimals, offset = (text[20:-1], "+00:00") if text[-1] == "Z" else (text[20:-6], text[-6:])
    return time_us + int(decimals[:6].ljust(6, "0")) - _offset_minutes(offset) * MINUTE_US


def _hour(text: str) -> int:
    hour = _hours.get(text)
    if hour is None:
        if len(_hours) >= TEXTS_KEPT:
            _hours.clear()
        hour = _hours[text] = (parse_day(text[:10]) - EPOCH_DAY) * DAY_US + int(text[11:13]) * 60 * MINUTE_US
    return hour


def _offset_minutes(offset: str) -> int:
    """Minutes of `+hh:mm` or `-hh:mm`."""
    minutes = int(offset[1:3]) * 60 + int(offset[4:])
    return -minutes if offset[0] == "-" else minutes


def parse_day(text: str) -> int:
    """The day written `YYYY-MM-DD`; ValueError with a sentence for any other text or date."""
    try:
        return parse_date(text).toordinal()
    except ValueError:
        raise ValueError(f'a day must be a date such as "2026-01-31", not {shown(text)}') from None


@lru_cache(TEXTS_KEPT)
def day_text(day: int) -> str:
    """The day as `YYYY-MM-DD`."""
    return date.fromordinal(day).isoformat()


def optional_day_text(day: int | None) -> str | None:
    """The day as `YYYY-MM-DD`, or None."""
    return None if day is None else day_text(day)


def time_text(time_us: int) -> str:
    """The instant as text that `parse_time` reads back: UTC, six decimals unless it is a whole second.

    Instants outside the years 1 to 9999 are written at the outermost offset: only so have they a four-digit year.
    """
    offset, mark = 0, "Z"
    if time_us < (FIRST_DAY - EPOCH_DAY) * DAY_US:
        offset, mark = DAY_US - MINUTE_US, "+23:59"
    elif time_us >= (LAST_DAY + 1 - EPOCH_DAY) * DAY_US:
        offset, mark = MINUTE_US - DAY_US, "-23:59"
    days, in_day = divmod(time_us + offset, DAY_US)
    local = datetime.fromordinal(days + EPOCH_DAY) + timedelta(microseconds=in_day)
    return f"{local.isoformat()}{mark}"
