"""Caches the verdicts on kinds of usage events and on workspaces.

An event of a known kind and a known workspace takes two look-ups; the remaining checks are made for all events of a
chunk at once. Kinds and workspaces are cached separately, so a workspace is judged once and not once for each item and
day.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agents.intake.small_groups import NAMED_BYTES, SLOT_BYTES
from agents.intake.usage_reader import ParsedUsage
from agents.intake.workspace_map import WorkspaceEntry
from schemas.columns import Ints
from schemas.journal import name_prefix

#: How many workspaces and kinds the cache holds; beyond that it is replaced by an empty one.
WORKSPACES_KEPT = 400_000
KINDS_KEPT = 50_000
#: The low KIND_BITS of an event's class number are the number of its kind, the bits above that of its workspace.
KIND_BITS = 20
_KIND = (1 << KIND_BITS) - 1
#: The number of an unknown kind, workspace or class.
UNKNOWN = -1

#: Item, retention and type exactly as in an event, and its billing day.
KindKey = tuple[str, int | None, str | bool, int]


class Kind(NamedTuple):
    """Events of one item, retention, billing day and type (`corrected` or not); `least`: the least valid quantity."""

    item: str
    retention: int
    day: int
    corrected: bool
    least: int


class ValidationCache:
    """Kinds and workspaces by number, and the numbers by the fields of an event."""

    def __init__(self) -> None:
        self.kinds: list[Kind] = []
        self.entries: list[WorkspaceEntry] = []
        #: Of each workspace: the bytes with which its events' identities begin.
        self.prefixes: list[bytes] = []
        self._kind_numbers: dict[KindKey, int] = {}
        self._entry_numbers: dict[str | None, int] = {}
        #: Look-ups: the number of a kind by its key, of a workspace by an event's subject.
        self.kind = self._kind_numbers.get
        self.entry = self._entry_numbers.get
        #: Of each kind its least quantity, its day, and the bytes of a slot of it in a journal record.
        self._of_kind = np.empty((3, 16), dtype=np.int64)
        #: Of each workspace its journal partition, and the bytes of its name and account there.
        self._of_entry = np.empty((2, 16), dtype=np.int64)

    @property
    def full(self) -> bool:
        """Whether to start a new cache; numbers already given are valid only in this one."""
        return len(self.entries) >= WORKSPACES_KEPT or len(self.kinds) >= KINDS_KEPT

    def add_kind(self, reading: ParsedUsage, least: int) -> int:
        """A number for a kind; valid for this chunk only, unless `keep_kind` follows."""
        number = len(self.kinds)
        self.kinds.append(Kind(reading.item, reading.retention, reading.day, reading.corrected, least))
        if number >= self._of_kind.shape[1]:
            self._of_kind = np.concatenate((self._of_kind, np.empty_like(self._of_kind)), axis=1)
        self._of_kind[:, number] = least, reading.day, SLOT_BYTES + len(reading.item)
        return number

    def keep_kind(self, key: KindKey, number: int) -> None:
        """Cache that events with this key are of this kind."""
        self._kind_numbers[key] = number

    def add_entry(self, subject: str | None, entry: WorkspaceEntry, partition: int) -> int:
        """The number of a workspace, cached under an event's subject; `partition`: its journal partition."""
        workspace = entry.named.workspace
        number = self._entry_numbers.get(workspace, UNKNOWN)
        if number == UNKNOWN:
            number = self._entry_numbers[workspace] = len(self.entries)
            self.entries.append(entry)
            self.prefixes.append(name_prefix(workspace))
            if number >= self._of_entry.shape[1]:
                self._of_entry = np.concatenate((self._of_entry, np.empty_like(self._of_entry)), axis=1)
            self._of_entry[0, number] = partition
            self._of_entry[1, number] = NAMED_BYTES + len(workspace) + len(entry.named.account)
        if subject != workspace:
            self._entry_numbers[subject] = number
        return number

    def of(self, number: int) -> tuple[WorkspaceEntry, Kind]:
        """Workspace and kind of a class number."""
        return self.entries[number >> KIND_BITS], self.kinds[number & _KIND]

    def least(self, numbers: Ints) -> Ints:
        """The least valid quantity, for each class number."""
        return self._row(0, numbers)

    def day(self, numbers: Ints) -> Ints:
        """The billing day, for each class number."""
        return self._row(1, numbers)

    def partition(self, numbers: Ints) -> Ints:
        """The journal partition of the account, for each class number."""
        found: Ints = self._of_entry[0][numbers >> KIND_BITS]
        return found

    def table_bytes(self, numbers: Ints) -> int:
        """About how many bytes a journal record needs for slots of these class numbers, which rise, and their names."""
        entries = numbers >> KIND_BITS
        named = entries[np.flatnonzero(np.diff(entries, prepend=-1))]
        return int(self._of_kind[2][numbers & _KIND].sum() + self._of_entry[1][named].sum())

    def _row(self, row: int, numbers: Ints) -> Ints:
        """A row for each class number; an arbitrary value for UNKNOWN."""
        found: Ints = self._of_kind[row][np.where(numbers == UNKNOWN, 0, numbers & _KIND)]
        return found


def numbers_of(entries: Ints, kinds: Ints) -> Ints:
    """Class numbers from the numbers of workspaces and kinds; UNKNOWN where either is."""
    known: npt.NDArray[np.bool_] = (entries != UNKNOWN) & (kinds != UNKNOWN)
    return np.where(known, entries << KIND_BITS | kinds, UNKNOWN)


def number_of(entry: int, kind: int) -> int:
    """A class number."""
    return entry << KIND_BITS | kind


class Sources(dict[str, int]):
    """Numbers of a packer's event sources, and the bytes with which each appears in identities."""

    def __init__(self) -> None:
        self.prefixes: list[bytes] = []

    def __missing__(self, source: str) -> int:
        number = self[source] = len(self.prefixes)
        self.prefixes.append(name_prefix(source))
        return number
