"""Names of things, and the limits on what comes from outside.

An id is ASCII and whole: matched with `fullmatch` (`$` would let a newline through, `\\d` other scripts).
"""

import re
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic.types import StringConstraints

#: Workspace, account, order, instrument, item and plan ids (SPEC §2), for `fullmatch`.
ID_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"

#: The greatest quantity one event may state, up or (corrections) down.
QUANTITY_LIMIT = 10**15
#: Characters of a CloudEvents `id` or `source`.
EVENT_NAME_LIMIT = 256
#: Bytes of value and headers of an input record; an order lists up to 1,000 workspaces, so it may be longer.
RECORD_LIMIT_BYTES = 64 * 1024
ORDER_LIMIT_BYTES = 256 * 1024
#: Limits of one order, which bound the work for a journal entry.
WORKSPACES_LIMIT = 1_000
TRAFFIC_LIMIT = 50
PAYMENTS_LIMIT = 20
#: Traffic packages in one traffic line.
UNITS_LIMIT = 1_000_000
#: Unexpired plans of an account, a bound on the work of an allocation.
PLANS_LIMIT = 50
#: Unexpired traffic lines of a plan, a bound on its row, its record and the work of a quota.
PLAN_TRAFFIC_LIMIT = 1_000

_id = re.compile(ID_PATTERN, re.ASCII).fullmatch


def is_id(text: object) -> bool:
    """Whether `text` is a string and is an id as a whole."""
    return isinstance(text, str) and _id(text) is not None


def check_id(text: str) -> str:
    """`text` itself; raises ValueError if it is no id."""
    if _id(text) is None:
        raise ValueError("an id must be 1 to 64 of A-Z a-z 0-9 . _ - and begin with a letter or digit")
    return text


def shown(foreign: object, limit: int = 80) -> str:
    """Foreign content for a sentence: ASCII, escaped, at most about `limit` characters, never raising."""
    try:
        text = ascii(foreign if not isinstance(foreign, str) else foreign[: limit + 1])
    except (ValueError, RecursionError):  # an int of 5,000 digits, a list 10,000 deep
        text = f"<{type(foreign).__name__}>"
    return text if len(text) <= limit else text[: limit - 1] + "…"


#: An id in a pydantic model.
Id = Annotated[str, AfterValidator(check_id), Field(json_schema_extra={"pattern": f"^{ID_PATTERN}$"})]
#: A CloudEvents `id` or `source`: any characters, counted as code points.
EventName = Annotated[str, StringConstraints(min_length=1, max_length=EVENT_NAME_LIMIT)]
