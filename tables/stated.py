"""Rows of stated days: digests and charges of an account's last statements of a day, a thousand workspaces a row.

A restatement writes only the rows that it changes. A workspace stays in the row it was first put in; row 0 also holds
the account's own digest and sums. Decoded days are cached, because a day closes slice by slice.
"""

from collections.abc import Iterator, Mapping

import msgspec

from meter.batch.store import Store
from schemas.rows import StatedDay, replaced
from tables import keys

#: Workspaces in one row: 100 KB with the longest names.
STATED_WORKSPACES = 1_000
#: How many workspaces the cached days may have in all; beyond it the cache is emptied.
STATED_KEPT = 200_000

_decode = msgspec.msgpack.Decoder(StatedDay).decode
_encode = msgspec.msgpack.Encoder().encode

DayKey = tuple[str, int]


class _Day:
    """One decoded day: its workspaces in stored order, and the numbers of the rows that changed."""

    __slots__ = ("changed", "names", "places", "stated")

    def __init__(self, stated: StatedDay | None) -> None:
        self.stated = stated
        self.names = [] if stated is None else list(stated.workspaces)
        self.places = {name: place for place, name in enumerate(self.names)}
        self.changed: set[int] = set()

    def put(self, stated: StatedDay, changed: Mapping[str, bytes]) -> None:
        workspaces = {} if self.stated is None else self.stated.workspaces
        for name in changed:
            if name not in self.places:
                self.places[name] = len(self.names)
                self.names.append(name)
            self.changed.add(self.places[name] // STATED_WORKSPACES)
        workspaces.update(changed)
        self.changed.add(0)
        self.stated = replaced(stated, workspaces=workspaces, count=len(workspaces))


class StatedDays:
    """The stated days of one partition's accounts: those in the store, those changed since, and a cache of both."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._days: dict[DayKey, _Day] = {}
        self._new: dict[DayKey, _Day] = {}
        self._kept = 0

    def get(self, account: str, day: int) -> StatedDay | None:
        """See `meter.rules.state.rows.Rows.stated`."""
        return self._day(account, day).stated

    def put(self, account: str, day: int, stated: StatedDay, changed: Mapping[str, bytes]) -> None:
        """See `meter.rules.state.rows.Rows.put_stated`."""
        found = self._new[account, day] = self._day(account, day)
        self._kept -= len(found.names)
        found.put(stated, changed)
        self._kept += len(found.names)

    def _day(self, account: str, day: int) -> _Day:
        found = self._days.get((account, day))
        if found is None:
            found = self._days[account, day] = self._load(account, day)
            self._kept += 1 + len(found.names)
        return found

    def _load(self, account: str, day: int) -> _Day:
        value = self._store.get(keys.stated(account, day))
        if value is None:
            return _Day(None)
        first = _decode(value)
        workspaces = dict(first.workspaces)
        for number in range(1, _rows(first.count)):
            value = self._store.get(keys.stated(account, day, number))
            assert value is not None, f"a row of stated workspaces of {account} on day {day} is missing"
            workspaces.update(_decode(value).workspaces)
        found = _Day(replaced(first, workspaces=workspaces, count=len(workspaces)))
        if first.count != len(workspaces):  # an earlier version wrote one row for all
            found.changed.update(range(_rows(len(workspaces))))
        return found

    def drop(self, account: str, through: int) -> set[bytes]:
        """Drop the account's days up to `through`. Returns the keys of their rows."""
        dropped = {
            keys.stated(*key, n) for key in self._new if _is_of(key, account, through) for n in self._numbers(key)
        }
        for row, _ in self._store.scan(keys.stated_of(account)):
            if not keys.stated_to(row, account, through):
                break
            dropped.add(row)
        for held in (self._new, self._days):
            for key in [key for key in held if _is_of(key, account, through)]:
                del held[key]
        return dropped

    def _numbers(self, key: DayKey) -> range:
        return range(_rows(len(self._new[key].names)))

    def changes(self) -> Iterator[tuple[bytes, bytes]]:
        """The rows that changed since `committed`."""
        for key, day in self._new.items():
            stated = day.stated
            assert stated is not None, "a changed day has a statement"
            for number in sorted(day.changed):
                part = day.names[number * STATED_WORKSPACES : (number + 1) * STATED_WORKSPACES]
                workspaces = dict(zip(part, map(stated.workspaces.__getitem__, part), strict=True))
                row = StatedDay(b"", workspaces) if number else replaced(stated, workspaces=workspaces)
                yield keys.stated(*key, number), _encode(row)

    def committed(self) -> None:
        """Forget the changes: they are stored."""
        for day in self._new.values():
            day.changed.clear()
        self._new = {}
        if self._kept > STATED_KEPT:
            self._days, self._kept = {}, 0


def _rows(workspaces: int) -> int:
    """How many rows that many workspaces take."""
    return max(1, -(-workspaces // STATED_WORKSPACES))


def _is_of(key: DayKey, account: str, through: int) -> bool:
    return key[0] == account and key[1] <= through
