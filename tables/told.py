"""What was told of accounts' days, as rows of a thousand workspaces: a restatement writes those that it changed.

A workspace stays in the row it first came to; row 0 also holds what was told of the account, and how many there are.
Days are kept decoded while they are stated slice by slice, or again and again.
"""

from collections.abc import Iterator, Mapping

import msgspec

from meter.batch.store import Store
from schemas.rows import Told, replaced
from tables import keys

#: Workspaces in one row: 100 KB with the longest names.
TOLD_WORKSPACES = 1_000
#: Workspaces in days kept at hand; beyond it all are decoded again when needed.
TOLD_KEPT = 200_000

_decode = msgspec.msgpack.Decoder(Told).decode
_encode = msgspec.msgpack.Encoder().encode

DayKey = tuple[str, int]


class _Day:
    """One account's day at hand: its workspaces in their places, and the rows that changed."""

    __slots__ = ("changed", "names", "places", "told")

    def __init__(self, told: Told | None) -> None:
        self.told = told
        self.names = [] if told is None else list(told.workspaces)
        self.places = {name: place for place, name in enumerate(self.names)}
        self.changed: set[int] = set()

    def put(self, told: Told, changed: Mapping[str, bytes]) -> None:
        workspaces = {} if self.told is None else self.told.workspaces
        for name in changed:
            if name not in self.places:
                self.places[name] = len(self.names)
                self.names.append(name)
            self.changed.add(self.places[name] // TOLD_WORKSPACES)
        workspaces.update(changed)
        self.changed.add(0)
        self.told = replaced(told, workspaces=workspaces, count=len(workspaces))


class ToldDays:
    """The days of one partition's accounts: those in the store, those told since, those kept at hand."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._days: dict[DayKey, _Day] = {}
        self._new: dict[DayKey, _Day] = {}
        self._kept = 0

    def get(self, account: str, day: int) -> Told | None:
        """What was told of a day; its `workspaces` go on changing with what is put."""
        return self._day(account, day).told

    def put(self, account: str, day: int, told: Told, changed: Mapping[str, bytes]) -> None:
        """What was told of the account, and of those workspaces that were told something new."""
        found = self._new[account, day] = self._day(account, day)
        self._kept -= len(found.names)
        found.put(told, changed)
        self._kept += len(found.names)

    def _day(self, account: str, day: int) -> _Day:
        found = self._days.get((account, day))
        if found is None:
            found = self._days[account, day] = self._load(account, day)
            self._kept += 1 + len(found.names)
        return found

    def _load(self, account: str, day: int) -> _Day:
        value = self._store.get(keys.told(account, day))
        if value is None:
            return _Day(None)
        first = _decode(value)
        workspaces = dict(first.workspaces)
        for number in range(1, _rows(first.count)):
            value = self._store.get(keys.told(account, day, number))
            assert value is not None, f"a row of what was told of {account} on {day} is missing"
            workspaces.update(_decode(value).workspaces)
        found = _Day(replaced(first, workspaces=workspaces, count=len(workspaces)))
        if first.count != len(workspaces):  # an earlier version had one row for all
            found.changed.update(range(_rows(len(workspaces))))
        return found

    def drop(self, account: str, through: int) -> set[bytes]:
        """Forget what was told of the account's days up to `through`; the keys of its rows."""
        dropped = {keys.told(*key, n) for key in self._new if _is_of(key, account, through) for n in self._numbers(key)}
        for row, _ in self._store.scan(keys.told_of(account)):
            if not keys.told_to(row, account, through):
                break
            dropped.add(row)
        for held in (self._new, self._days):
            for key in [key for key in held if _is_of(key, account, through)]:
                del held[key]
        return dropped

    def _numbers(self, key: DayKey) -> range:
        return range(_rows(len(self._new[key].names)))

    def changes(self) -> Iterator[tuple[bytes, bytes]]:
        """The rows that were changed since `settle`."""
        for key, day in self._new.items():
            told = day.told
            assert told is not None, "a day that was put was told"
            for number in sorted(day.changed):
                part = day.names[number * TOLD_WORKSPACES : (number + 1) * TOLD_WORKSPACES]
                workspaces = dict(zip(part, map(told.workspaces.__getitem__, part), strict=True))
                row = Told(b"", workspaces) if number else replaced(told, workspaces=workspaces)
                yield keys.told(*key, number), _encode(row)

    def settle(self) -> None:
        """What was changed is in the store."""
        for day in self._new.values():
            day.changed.clear()
        self._new = {}
        if self._kept > TOLD_KEPT:
            self._days, self._kept = {}, 0


def _rows(workspaces: int) -> int:
    """How many rows so many workspaces take."""
    return max(1, -(-workspaces // TOLD_WORKSPACES))


def _is_of(key: DayKey, account: str, through: int) -> bool:
    return key[0] == account and key[1] <= through
