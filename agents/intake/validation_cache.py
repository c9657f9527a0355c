"""Keeps the verdict on kinds of usage events and on workspaces, each by itself.

An event of a known kind and a known workspace needs no judging: it costs two look-ups. The checks that are left are
made for all events of a chunk at once. The verdict on a kind does not depend on the workspace, so each workspace is
judged once, and not once for every item and day.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agents.intake.usage_reader import ParsedUsage
from agents.intake.workspace_directory import WorkspaceEntry
from schemas.columns import Ints
from schemas.journal import name_prefix

#: Workspaces and kinds in the cache; beyond it the cache starts from empty.
WORKSPACES_KEPT = 400_000
KINDS_KEPT = 50_000
#: An event's number: that of its workspace, and in so many low bits that of its kind.
KIND_BITS = 20
_KIND = (1 << KIND_BITS) - 1
#: The number of what is not known.
UNKNOWN = -1

#: Item, retention and type as they stand in an event, and its billing day.
KindKey = tuple[str, int | None, str | bool, int]


class Kind(NamedTuple):
    """Same item, retention, billing day and type (`corrected` or not); `least`: its least quantity."""

    item: str
    retention: int
    day: int
    corrected: bool
    least: int


class ValidationCache:
    """Kinds and workspaces by number, and the numbers of those judged for good by what stands in the event."""

    def __init__(self) -> None:
        self.kinds: list[Kind] = []
        self.entries: list[WorkspaceEntry] = []
        #: How the identity of an event of each workspace begins.
        self.prefixes: list[bytes] = []
        self._kind_numbers: dict[KindKey, int] = {}
        self._entry_numbers: dict[str | None, int] = {}
        #: The number of a known kind, and of a known workspace by an event's subject.
        self.kind = self._kind_numbers.get
        self.entry = self._entry_numbers.get
        self._of_kind = np.empty((2, 16), dtype=np.int64)
        self._partition = np.empty(16, dtype=np.int64)

    @property
    def full(self) -> bool:
        """Whether to start a new cache; numbers already given are valid only in this one."""
        return len(self.entries) >= WORKSPACES_KEPT or len(self.kinds) >= KINDS_KEPT

    def add_kind(self, reading: ParsedUsage, least: int) -> int:
        """A kind's number; valid for this chunk only unless `keep_kind` follows."""
        number = len(self.kinds)
        self.kinds.append(Kind(reading.item, reading.retention, reading.day, reading.corrected, least))
        if number >= self._of_kind.shape[1]:
            self._of_kind = np.concatenate((self._of_kind, np.empty_like(self._of_kind)), axis=1)
        self._of_kind[:, number] = least, reading.day
        return number

    def keep_kind(self, key: KindKey, number: int) -> None:
        """Events of this key are of this kind."""
        self._kind_numbers[key] = number

    def add_entry(self, subject: str | None, entry: WorkspaceEntry, partition: int) -> int:
        """The number of the workspace that events of this subject are of; `partition`: of the journal."""
        workspace = entry.named.workspace
        number = self._entry_numbers.get(workspace, UNKNOWN)
        if number == UNKNOWN:
            number = self._entry_numbers[workspace] = len(self.entries)
            self.entries.append(entry)
            self.prefixes.append(name_prefix(workspace))
            if number >= len(self._partition):
                self._partition = np.concatenate((self._partition, np.empty_like(self._partition)))
            self._partition[number] = partition
        if subject != workspace:
            self._entry_numbers[subject] = number
        return number

    def of(self, number: int) -> tuple[WorkspaceEntry, Kind]:
        """Workspace and kind of an event's number."""
        return self.entries[number >> KIND_BITS], self.kinds[number & _KIND]

    def least(self, numbers: Ints) -> Ints:
        """The least quantity of each event."""
        return self._row(0, numbers)

    def day(self, numbers: Ints) -> Ints:
        """The billing day of each event."""
        return self._row(1, numbers)

    def partition(self, numbers: Ints) -> Ints:
        """The journal partition of each event's account."""
        found: Ints = self._partition[numbers >> KIND_BITS]
        return found

    def _row(self, row: int, numbers: Ints) -> Ints:
        """Of unknown ones anything."""
        found: Ints = self._of_kind[row][np.where(numbers == UNKNOWN, 0, numbers & _KIND)]
        return found


def numbers_of(entries: Ints, kinds: Ints) -> Ints:
    """The numbers of events by those of their workspaces and kinds; UNKNOWN where one of the two is."""
    known: npt.NDArray[np.bool_] = (entries != UNKNOWN) & (kinds != UNKNOWN)
    return np.where(known, entries << KIND_BITS | kinds, UNKNOWN)


def number_of(entry: int, kind: int) -> int:
    """The number of an event."""
    return entry << KIND_BITS | kind


class Sources(dict[str, int]):
    """Numbers of a chunk's sources, and how identities begin with each."""

    def __init__(self) -> None:
        self.prefixes: list[bytes] = []

    def __missing__(self, source: str) -> int:
        number = self[source] = len(self.prefixes)
        self.prefixes.append(name_prefix(source))
        return number
