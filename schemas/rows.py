"""Rows of the meter's memory, as the fold reads and writes them.

A day is an `int` everywhere inside the meter: `datetime.date.toordinal()` of the billing day.
Rows are arrays on the wire (msgpack): fields are only ever appended, with a default.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

#: `Binding.commercial` of a workspace that was never upgraded; later than any day, so `min` merges.
NEVER = 9_999_999
#: The retention key of quantities of items without retentions.
NO_RETENTION = 0


#: A frozen row with some fields changed.
replaced = msgspec.structs.replace


#: Code of the msgpack extension that holds an integer of any size, as text.
WIDE = 1
_pack = msgspec.msgpack.Encoder(decimal_format="string").encode

T = TypeVar("T")


def pack(row: object) -> bytes:
    """A row as msgpack; integers beyond 64 bits, which msgpack does not know, as extensions."""
    try:
        return _pack(row)
    except OverflowError:
        return _pack(_widened(msgspec.to_builtins(row, builtin_types=(bytes,))))


def _widened(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _widened(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_widened(each) for each in value]
    if type(value) is int and not -(1 << 63) <= value < 1 << 64:
        return msgspec.msgpack.Ext(WIDE, str(value).encode())
    return value


def unpacker(kind: type[T]) -> Callable[[bytes], T]:
    """Reads what `pack` wrote of this kind of row."""
    narrow = msgspec.msgpack.Decoder(kind).decode
    wide = msgspec.msgpack.Decoder(ext_hook=lambda code, data: int(bytes(data))).decode

    def unpack(content: bytes) -> T:
        try:
            return narrow(content)
        except msgspec.ValidationError:
            return msgspec.convert(wide(content), kind, builtin_types=(bytes,))

    return unpack


class Row(msgspec.Struct, array_like=True):
    """Base of rows that are changed in place: an array in msgpack."""


class Fact(msgspec.Struct, array_like=True, frozen=True):
    """Base of rows that are replaced as a whole: an array in msgpack."""


class Binding(Fact, frozen=True, gc=False):
    """Where a workspace belongs: its account and the day of its first `commercial` record (or NEVER)."""

    account: str
    commercial: int = NEVER


class Package(Fact, frozen=True):
    """A plan package of a plan, in force from `since`: quotas (item -> a day) and its price."""

    since: int
    plan: str
    price: Decimal
    quotas: dict[str, int]


class WorkspaceList(Fact, frozen=True):
    """The workspaces of a plan in priority order, in force from `since`."""

    since: int
    workspaces: tuple[str, ...]


class Traffic(Fact, frozen=True):
    """`units` traffic packages of one item, in force `since`..`through` inclusive; `capacity` is a day's, of one."""

    item: str
    units: int
    discount: Decimal
    since: int
    through: int
    capacity: int


class Plan(Fact, frozen=True):
    """One purchase. `packages` and `lists` are in rising `since`, at most one entry for a day."""

    plan_id: str
    first_day: int
    last_day: int
    packages: tuple[Package, ...]
    lists: tuple[WorkspaceList, ...]
    traffic: tuple[Traffic, ...] = ()


class Wallet(Fact, frozen=True):
    """Money on one instrument of an account; `instrument` is None for cash, `expires_on` None for ever."""

    method: str
    instrument: str | None
    balance: Decimal
    expires_on: int | None = None


class Account(Row):
    """An account: its plans by id and the billing day of its latest order (0: none yet)."""

    account: str
    plans: dict[str, Plan] = {}
    last_order_day: int = 0


class Correction(Fact, frozen=True, gc=False):
    """The correction of a max item that applies: the greatest by (time, source, id)."""

    time_us: int
    source: str
    id: str
    quantity: int


class Rate(Fact, frozen=True, gc=False):
    """The rate of a charge: `price` (as written) for each `unit`; `retention_days` or NO_RETENTION."""

    retention_days: int
    unit: int
    price: str


class Use(Row, gc=False):
    """What one workspace reported of one item on one day, its figures, and what was last published of them.

    `sums`: retention days (or NO_RETENTION) -> sum of quantities, of any size and sign (sum items). A number is the sum
    of an item without retentions, in a third of the memory; earlier versions wrote a dict for that too.
    `peak`: the highest report; `correction`: what stands instead of the reports (max items).
    `usage`, `overage`: as the last record that touched the cell left them, and so as they were last published.
    `revision`: of the record that did; 0: nothing was published yet.
    `plans`, `rates`, `quantities`: by what it was charged. What plans list is charged its overage, by one rate;
    anything else the `quantities` reported, one for each rate. Charges themselves are written anew, from whole numbers.
    """

    sums: int | dict[int, int] = 0
    peak: int = 0
    correction: Correction | None = None
    usage: int = 0
    overage: int = 0
    revision: int = 0
    plans: tuple[str, ...] = ()
    rates: tuple[Rate, ...] = ()
    quantities: tuple[int, ...] = ()


def added(sums: int | dict[int, int], retention: int, quantity: int) -> int | dict[int, int]:
    """`Use.sums` with a quantity more; a dict is changed in place."""
    if isinstance(sums, int):
        if retention == NO_RETENTION:
            return sums + quantity
        sums = by_retention(sums)
    sums[retention] = sums.get(retention, 0) + quantity
    return sums


def by_retention(sums: int | dict[int, int]) -> dict[int, int]:
    """`Use.sums` by retention."""
    if isinstance(sums, int):
        return {NO_RETENTION: sums} if sums else {}
    return sums


class StatedDay(Fact, frozen=True):
    """The last statements of an account's day, so that a restatement only reads what changed.

    `account`: the digest of its own statement, b"" before that is told. `workspaces`: of each that was told the
    digest (16 bytes), whether it had usage (one byte) and what it was charged (text). `due`, `used`: the sum of
    that, not rounded, and how many had usage; `due` is "" in rows of earlier versions, which had digests only.
    """

    account: bytes
    workspaces: dict[str, bytes] = {}
    #: Only in the first row as it is stored, like all that follow: how many workspaces all rows have.
    count: int = 0
    due: str = ""
    used: int = 0
