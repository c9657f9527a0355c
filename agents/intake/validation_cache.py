"""Keeps the verdict on classes of usage events, which differ only in id, source, quantity and instant.

An event of a class that was judged before needs no judging: it costs a look-up of its class's number. The checks that
are left are made for all events of a chunk at once.
"""

import numpy as np

from agents.intake.usage_reader import ParsedUsage
from agents.intake.workspace_directory import WorkspaceEntry
from schemas.columns import Ints
from schemas.journal import name_prefix

#: Classes in the cache: workspaces times items times days; beyond it the cache starts from empty.
CLASSES_KEPT = 200_000
#: The number of an unknown class.
UNKNOWN = -1

#: Subject, item, retention and type as the event has them, and its billing day.
Key = tuple[str | None, str, int | None, str | bool, int]


class EventClass:
    """Same workspace, item, retention, billing day and type (`corrected` or not); `least`: its least quantity."""

    __slots__ = ("corrected", "day", "entry", "item", "least", "partition", "retention")

    def __init__(self, entry: WorkspaceEntry, partition: int, reading: ParsedUsage, least: int) -> None:
        self.entry = entry
        #: The journal partition of its account.
        self.partition = partition
        self.item = reading.item
        self.retention = reading.retention
        self.day = reading.day
        self.corrected = reading.corrected
        self.least = least


class ValidationCache:
    """Classes by number, and the numbers of those with a final verdict by the fields of the event."""

    def __init__(self) -> None:
        self.classes: list[EventClass] = []
        #: How the identity of an event of each class begins: the same bytes for all classes of a workspace.
        self.prefixes: list[bytes] = []
        self._prefix_of: dict[str, bytes] = {}
        self._numbers: dict[Key, int] = {}
        #: Texts of keys, each once: a look-up is cheap only if the key is in the core's cache.
        self._texts: dict[str | None, str | None] = {}
        #: The number of a known class.
        self.get = self._numbers.get
        self._by_number = np.empty((3, 1024), dtype=np.int64)

    @property
    def full(self) -> bool:
        """Whether to start a new cache; numbers already given are valid only in this one."""
        return len(self.classes) >= CLASSES_KEPT

    def add(self, event_class: EventClass) -> int:
        """The class's number; valid for this chunk only unless `keep` follows."""
        number = len(self.classes)
        self.classes.append(event_class)
        workspace = event_class.entry.named.workspace
        self.prefixes.append(self._prefix_of.setdefault(workspace, name_prefix(workspace)))
        if number >= self._by_number.shape[1]:
            self._by_number = np.concatenate((self._by_number, np.empty_like(self._by_number)), axis=1)
        self._by_number[:, number] = event_class.least, event_class.day, event_class.partition
        return number

    def keep(self, key: Key, number: int) -> None:
        """Events of this key are of this class."""
        subject, item, *others = key
        same = self._texts.setdefault
        self._numbers[(same(subject, subject), same(item, item), *others)] = number  # type: ignore[index] # a key again

    @property
    def least(self) -> Ints:
        """The least quantity of each class, by number."""
        return self._row(0)

    @property
    def day(self) -> Ints:
        """The billing day of each class, by number."""
        return self._row(1)

    @property
    def partition(self) -> Ints:
        """The journal partition of each class, by number."""
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
