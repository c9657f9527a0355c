"""The laws of SPEC section 7 about days and times, judged by zoneinfo and datetime alone."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from tests.rules.laws import Law, Rules
from tests.strategies import HOUR, SECOND, times_in_zones, written_times

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def local_day(time_us: int, zone: str) -> int:
    """The date in a zone, by zoneinfo alone."""
    return (EPOCH + timedelta(microseconds=time_us)).astimezone(ZoneInfo(zone)).date().toordinal()


def a_day_is_its_local_date(rules: Rules, example: tuple[str, list[int]]) -> None:
    name, times = example
    zone = rules.zone(name)
    for time_us in times:
        assert zone.day_of(time_us) == local_day(time_us, name)


def a_day_ends_when_its_date_is_over(rules: Rules, example: tuple[str, list[int]]) -> None:
    name, times = example
    zone = rules.zone(name)
    for day in {local_day(times[0], name) + off for off in (-1, 0, 1)}:
        end = zone.end_of(day)
        assert local_day(end - 1, name) <= day < local_day(end, name)
        assert all(local_day(end + hours * HOUR // 4, name) > day for hours in range(30))


def a_day_begins_when_its_date_first_comes(rules: Rules, example: tuple[str, list[int]]) -> None:
    name, times = example
    zone = rules.zone(name)
    for day in {local_day(times[0], name) + off for off in (-1, 0, 1)}:
        begin = zone.begin_of(day)
        assert local_day(begin - 1, name) < day <= local_day(begin, name)
        assert all(local_day(begin - 1 - hours * HOUR // 4, name) < day for hours in range(30))


def a_time_is_read_to_the_microsecond(rules: Rules, example: tuple[datetime, str, int]) -> None:
    moment, decimals, offset = example
    text = moment.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0") + (f".{decimals}" if decimals else "")
    text += "Z" if not offset else f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02}:{abs(offset) % 60:02}"
    seconds = (moment.replace(tzinfo=UTC) - EPOCH) // timedelta(seconds=1) - offset * 60
    right = seconds * SECOND + Fraction(int(decimals or 0), 10 ** len(decimals)) * SECOND // 1
    ways = (text, text, f"{text[:-1]}+00:00") if text[-1] == "Z" else (text,)  # read, found in the cache, never cached
    assert [rules.parse_time(way) for way in ways] == [right] * len(ways)
    assert rules.parse_time(rules.time_text(int(right))) == right


DAYS = (
    Law("day: an instant's local date, whatever was asked before", times_in_zones(), a_day_is_its_local_date),
    Law("day: it ends when its date is over for good", times_in_zones(), a_day_ends_when_its_date_is_over),
    Law("day: it begins when its date first comes", times_in_zones(), a_day_begins_when_its_date_first_comes),
    Law("time: digits beyond the microsecond are cut", written_times(), a_time_is_read_to_the_microsecond),
)
