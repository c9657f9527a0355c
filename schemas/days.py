"""Days and times as text (SPEC §8), as far as a record alone can be judged; instants and zones are rules/days.py's."""

import re
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

#: A day, for `fullmatch`; it must also exist.
DAY_PATTERN = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
#: A time, for `fullmatch`; its day must also exist. No leap second, no 24:00.
TIME_PATTERN = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?"
    r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
)

_day = re.compile(DAY_PATTERN, re.ASCII).fullmatch
_time = re.compile(TIME_PATTERN, re.ASCII).fullmatch


def parse_date(text: object) -> date:
    """A day such as "2026-01-31"; raises ValueError for anything else."""
    if not isinstance(text, str) or _day(text) is None:
        raise ValueError('a day must be a string such as "2026-01-31"')
    return date.fromisoformat(text)


def check_time(text: str) -> str:
    """`text` itself; raises ValueError if it is no time."""
    if _time(text) is None:
        raise ValueError('a time must be a string such as "2026-01-31T08:00:00.5+08:00"')
    date.fromisoformat(text[:10])
    return text


def check_day(text: str) -> str:
    """`text` itself; raises ValueError if it is no day."""
    parse_date(text)
    return text


#: A day in an input, kept as a date.
Date = Annotated[
    date,
    BeforeValidator(lambda given: given if isinstance(given, date) else parse_date(given)),
    PlainSerializer(date.isoformat, str),
    WithJsonSchema({"type": "string", "format": "date", "pattern": f"^{DAY_PATTERN}$"}),
]
#: A day in an output, kept as text.
Day = Annotated[
    str, AfterValidator(check_day), Field(json_schema_extra={"format": "date", "pattern": f"^{DAY_PATTERN}$"})
]
#: A time, kept as text.
Time = Annotated[
    str, AfterValidator(check_time), Field(json_schema_extra={"format": "date-time", "pattern": f"^{TIME_PATTERN}$"})
]
