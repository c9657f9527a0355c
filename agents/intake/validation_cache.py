"""Shapes of usage: what events have in common that differ only in id, source, quantity and instant.

An event of a shape that was judged before need not be judged again: it costs a look at its shape's number, and what
is left to check is checked for all events of a chunk at once.
"""

import numpy as np

from agents.intake.usage_reader import Reading
from agents.intake.workspace_directory import Home
from schemas.columns import Ints
from schemas.journal import name_prefix

#: Shapes remembered: workspaces times items times days at hand; beyond it all are judged anew.
SHAPES_KEPT = 200_000
#: The number of a shape that is not known.
UNKNOWN = -1

#: Subject, item, retention and type as they stand in an event, and its billing day.
Key = tuple[str | None, str, int | None, str | bool, int]


class Shape:
    """Same workspace, item, retention, billing day and type (`corrected` or not); `least`: its least quantity."""

    __slots__ = ("corrected", "day", "home", "item", "least", "partition", "retention")

    def __init__(self, home: Home, partition: int, reading: Reading, least: int) -> None:
        self.home = home
        #: The journal partition of its account.
        self.partition = partition
        self.item = reading.item
        self.retention = reading.retention
        self.day = reading.day
        self.corrected = reading.corrected
        self.least = least


class Shapes:
    """Shapes by number, and the numbers of those judged for good by what stands in the event."""

    def __init__(self) -> None:
        self.shapes: list[Shape] = []
        #: How the identity of an event of each shape begins: the same bytes for all shapes of a workspace.
        self.prefixes: list[bytes] = []
        self._prefix_of: dict[str, bytes] = {}
        self._numbers: dict[Key, int] = {}
        #: Texts of keys, each once: a key is found by what stands in the core's cache, or it is not cheap.
        self._texts: dict[str | None, str | None] = {}
        #: The number of a known shape.
        self.get = self._numbers.get
        self._by_number = np.empty((3, 1024), dtype=np.int64)

    @property
    def full(self) -> bool:
        """Time for a new one: numbers already given stay good only in this one."""
        return len(self.shapes) >= SHAPES_KEPT

    def add(self, shape: Shape) -> int:
        """A shape's number; of one that is not learnt too, for this chunk only."""
        number = len(self.shapes)
        self.shapes.append(shape)
        workspace = shape.home.named.workspace
        self.prefixes.append(self._prefix_of.setdefault(workspace, name_prefix(workspace)))
        if number >= self._by_number.shape[1]:
            self._by_number = np.concatenate((self._by_number, np.empty_like(self._by_number)), axis=1)
        self._by_number[:, number] = shape.least, shape.day, shape.partition
        return number

    def learn(self, key: Key, number: int) -> None:
        """Events of this key are of this shape."""
        subject, item, *others = key
        same = self._texts.setdefault
        self._numbers[(same(subject, subject), same(item, item), *others)] = number  # type: ignore[index] # a key again

    @property
    def least(self) -> Ints:
        """The least quantity of each shape, by number."""
        return self._row(0)

    @property
    def day(self) -> Ints:
        """The billing day of each shape, by number."""
        return self._row(1)

    @property
    def partition(self) -> Ints:
        """The journal partition of each shape, by number."""
        return self._row(2)

    def _row(self, number: int) -> Ints:
        row: Ints = self._by_number[number]
        return row


class Sources(dict[str, int]):
    """Numbers of a chunk's sources, and how identities begin with each."""

    def __init__(self) -> None:
        self.prefixes: list[bytes] = []

    def __missing__(self, source: str) -> int:
        number = self[source] = len(self.prefixes)
        self.prefixes.append(name_prefix(source))
        return number
