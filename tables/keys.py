"""How rows are keyed: one byte for the table, then the parts, ids ended by a zero byte, numbers big-endian.

Ids have no zero byte, so keys of one table sort by their parts: an account's cells stand together, by day.
Rows whose key begins with a zero byte belong to the partition itself.
"""

POSITION = b"\x00position"
FACTS = b"\x00facts"
#: Local only: where the changelog goes on after what the store holds.
CHANGELOG = b"\x00changelog"
#: Local only: the chunks up to this journal offset have their identities in rows of their own too.
SPILLED = b"\x00spilled"

ACCOUNT, BINDING, CELL, DECIDED, IDENTITY = b"a", b"w", b"c", b"o", b"i"
PACKED, PLAN, STATED, WALLET = b"n", b"p", b"s", b"b"
#: Rows of a cell that have a number of two bytes: those of two million workspaces.
MANY_ROWS = 0xFFFF
#: Plans of which all days are final.
EXPIRED_PLAN = b"e"
#: What rows of a plan are, beside its own.
PLAN_PACKAGE, PLAN_LIST = b"p", b"w"


def account(name: str) -> bytes:
    return ACCOUNT + name.encode()


def plan(account: str, plan_id: str) -> bytes:
    return b"".join((PLAN, account.encode(), b"\0", plan_id.encode()))


def plans_of(account: str) -> bytes:
    """How the keys of all rows of an account's plans begin."""
    return b"".join((PLAN, account.encode(), b"\0"))


def plan_package(account: str, plan_id: str, since: int) -> bytes:
    """A plan's package in force from a day."""
    return b"".join((plan(account, plan_id), b"\0", PLAN_PACKAGE, since.to_bytes(4, "big")))


def plan_list(account: str, plan_id: str, since: int) -> bytes:
    """A plan's list in force from a day."""
    return b"".join((plan(account, plan_id), b"\0", PLAN_LIST, since.to_bytes(4, "big")))


def plan_parts(key: bytes) -> tuple[str, bytes]:
    """The plan of a row, and whether it is its own (b""), a package or a list."""
    _, _, rest = key.partition(b"\0")
    plan_id, _, part = rest.partition(b"\0")
    return plan_id.decode(), part[:1]


def expired_plan(account: str, plan_id: str) -> bytes:
    """A plan of which all days are final."""
    return b"".join((EXPIRED_PLAN, account.encode(), b"\0", plan_id.encode()))


def binding(workspace: str) -> bytes:
    return BINDING + workspace.encode()


def wallet(account: str, method: str, instrument: str | None) -> bytes:
    return b"".join((WALLET, account.encode(), b"\0", method.encode(), b"\0", (instrument or "").encode()))


def decided(account: str, order_id: str) -> bytes:
    return b"".join((DECIDED, account.encode(), b"\0", order_id.encode()))


def cell(account: str, day: int, item: str, number: int) -> bytes:
    """The key of one row of a cell, numbered from 0: in two bytes, from MANY_ROWS on in four behind those."""
    short = min(number, MANY_ROWS).to_bytes(2, "big")
    row = short if number < MANY_ROWS else short + number.to_bytes(4, "big")
    return b"".join((CELL, account.encode(), b"\0", day.to_bytes(4, "big"), item.encode(), b"\0", row))


def cells_from(account: str, day: int) -> bytes:
    """Where an account's cells of this day and later begin; all its cells begin with `cells_of`."""
    return b"".join((CELL, account.encode(), b"\0", day.to_bytes(4, "big")))


def cells_of(account: str) -> bytes:
    return b"".join((CELL, account.encode(), b"\0"))


def cell_parts(key: bytes) -> tuple[str, int, str]:
    """Account, day and item of the key of a cell's row."""
    name, _, rest = key[1:].partition(b"\0")
    return name.decode(), int.from_bytes(rest[:4], "big"), rest[4 : rest.index(b"\0", 4)].decode()


def cell_number(key: bytes) -> int:
    """Which row of its cell a key is of."""
    row = key[_row_at(key) :]
    return int.from_bytes(row[2:] or row, "big")


def behind_cell(key: bytes) -> bytes:
    """Where the rows of the next cell begin."""
    return key[: _row_at(key)] + b"\xff\xff\xff"


def _row_at(key: bytes) -> int:
    """Where the number of a cell's row begins: behind the account, four bytes of day, and the item."""
    return key.index(b"\0", key.index(b"\0") + 5) + 1


def stated(account: str, day: int, number: int = 0) -> bytes:
    """What the statements of an account's day last said; rows are numbered, the first has no number in its key."""
    part = number.to_bytes(4, "big") if number else b""
    return b"".join((STATED, account.encode(), b"\0", day.to_bytes(4, "big"), part))


def stated_of(account: str) -> bytes:
    return b"".join((STATED, account.encode(), b"\0"))


def stated_to(key: bytes, account: str, through: int) -> bool:
    """Whether this is such a row of the account, of a day up to `through`."""
    start = stated_of(account)
    return key.startswith(start) and int.from_bytes(key[len(start) : len(start) + 4], "big") <= through


def packed(day: int, offset: int, number: int) -> bytes:
    """Identities of one day claimed by one chunk (its last journal offset); `number` where they fill several rows."""
    return b"".join((PACKED, day.to_bytes(4, "big"), offset.to_bytes(8, "big"), number.to_bytes(2, "big")))


def packed_day(key: bytes) -> int:
    return int.from_bytes(key[1:5], "big")


def packed_offset(key: bytes) -> int:
    return int.from_bytes(key[5:13], "big")


def packed_number(key: bytes) -> int:
    return int.from_bytes(key[13:15], "big")


def identity(name: bytes) -> bytes:
    """An identity's own row, where it has one."""
    return IDENTITY + name
