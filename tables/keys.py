"""Keys of rows: one byte for the table, then the parts; ids end with a zero byte, numbers are big-endian.

Ids contain no zero byte, so the keys of a table sort by their parts: an account's cells are together, by day.
Rows whose key begins with a zero byte belong to the partition as a whole.
"""

from functools import lru_cache

POSITION = b"\x00position"
FACTS = b"\x00facts"
#: Local only: the first changelog offset that the store does not hold.
CHANGELOG = b"\x00changelog"
#: Local only: identities of chunks up to this journal offset are spilled.
SPILLED = b"\x00spilled"

ACCOUNT, BINDING, CELL, DECIDED, IDENTITY = b"a", b"w", b"c", b"o", b"i"
PACKED, PLAN, STATED, WALLET = b"n", b"p", b"s", b"b"
#: Row numbers of a cell below this take two bytes: enough for two million workspaces.
MANY_ROWS = 0xFFFF
#: Stubs of expired plans.
EXPIRED_PLAN = b"e"
#: Kinds of a plan's rows beside its own.
PLAN_PACKAGE, PLAN_LIST = b"p", b"w"


def account(name: str) -> bytes:
    return ACCOUNT + name.encode()


def plan(account: str, plan_id: str) -> bytes:
    return b"".join((PLAN, account.encode(), b"\0", plan_id.encode()))


def plans_of(account: str) -> bytes:
    """The prefix of all rows of an account's plans."""
    return b"".join((PLAN, account.encode(), b"\0"))


def plan_package(account: str, plan_id: str, since: int) -> bytes:
    """A plan's package, by the first day it is in force."""
    return b"".join((plan(account, plan_id), b"\0", PLAN_PACKAGE, since.to_bytes(4, "big")))


def plan_list(account: str, plan_id: str, since: int) -> bytes:
    """A plan's list, by the first day it is in force."""
    return b"".join((plan(account, plan_id), b"\0", PLAN_LIST, since.to_bytes(4, "big")))


def plan_parts(key: bytes) -> tuple[str, bytes]:
    """Plan id and kind of a row: b"" for the plan's own, PLAN_PACKAGE or PLAN_LIST."""
    _, _, rest = key.partition(b"\0")
    plan_id, _, part = rest.partition(b"\0")
    return plan_id.decode(), part[:1]


def expired_plan(account: str, plan_id: str) -> bytes:
    """The stub of an expired plan."""
    return b"".join((EXPIRED_PLAN, account.encode(), b"\0", plan_id.encode()))


def binding(workspace: str) -> bytes:
    return BINDING + workspace.encode()


def wallet(account: str, method: str, instrument: str | None) -> bytes:
    return b"".join((WALLET, account.encode(), b"\0", method.encode(), b"\0", (instrument or "").encode()))


def decided(account: str, order_id: str) -> bytes:
    return b"".join((DECIDED, account.encode(), b"\0", order_id.encode()))


def cell(account: str, day: int, item: str, number: int) -> bytes:
    """A row of a cell, numbered from 0; numbers from MANY_ROWS on are four bytes behind two of 0xFF."""
    if number < MANY_ROWS:
        row = number.to_bytes(2, "big")
    else:
        row = MANY_ROWS.to_bytes(2, "big") + number.to_bytes(4, "big")
    return b"".join((CELL, account.encode(), b"\0", _day_and_item(day, item), row))


@lru_cache(1 << 12)
def _day_and_item(day: int, item: str) -> bytes:
    return b"".join((day.to_bytes(4, "big"), item.encode(), b"\0"))


def cells_from(account: str, day: int) -> bytes:
    """Where an account's cells of this day and later ones begin; `cells_of` is the prefix of all its cells."""
    return b"".join((CELL, account.encode(), b"\0", day.to_bytes(4, "big")))


def cells_of(account: str) -> bytes:
    return b"".join((CELL, account.encode(), b"\0"))


def cell_parts(key: bytes) -> tuple[str, int, str]:
    """Account, day and item of the key of a cell's row."""
    name, _, rest = key[1:].partition(b"\0")
    return name.decode(), int.from_bytes(rest[:4], "big"), rest[4 : rest.index(b"\0", 4)].decode()


def cell_number(key: bytes) -> int:
    """The row number in a cell's key."""
    row = key[_row_at(key) :]
    return int.from_bytes(row[2:] or row, "big")


def behind_cell(key: bytes) -> bytes:
    """A key behind all rows of the cell and before those of the next."""
    return key[: _row_at(key)] + b"\xff\xff\xff"


def _row_at(key: bytes) -> int:
    """The position of the row number in a cell's key: behind account, day (four bytes) and item."""
    return key.index(b"\0", key.index(b"\0") + 5) + 1


def stated(account: str, day: int, number: int = 0) -> bytes:
    """A row of an account's stated day; row 0 has no number in its key."""
    part = number.to_bytes(4, "big") if number else b""
    return b"".join((STATED, account.encode(), b"\0", day.to_bytes(4, "big"), part))


def stated_of(account: str) -> bytes:
    return b"".join((STATED, account.encode(), b"\0"))


def stated_to(key: bytes, account: str, through: int) -> bool:
    """Whether the key is of the account's stated days up to `through`."""
    start = stated_of(account)
    return key.startswith(start) and int.from_bytes(key[len(start) : len(start) + 4], "big") <= through


def packed(day: int, offset: int, number: int) -> bytes:
    """Packed identities that one chunk (its last journal offset) claimed for one day; `number`: of several rows."""
    return b"".join((PACKED, day.to_bytes(4, "big"), offset.to_bytes(8, "big"), number.to_bytes(2, "big")))


def packed_day(key: bytes) -> int:
    return int.from_bytes(key[1:5], "big")


def packed_offset(key: bytes) -> int:
    return int.from_bytes(key[5:13], "big")


def packed_number(key: bytes) -> int:
    return int.from_bytes(key[13:15], "big")


def identity(name: bytes) -> bytes:
    """The row of a spilled identity."""
    return IDENTITY + name
