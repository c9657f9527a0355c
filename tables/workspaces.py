"""The table of workspaces: what the log of `workspaces` says of each, and how far the log is read.

A cache of the log. Rows and offset are one batch, so after a kill the table is that of an earlier offset, and the log
is read on from there. A worker keeps it in its data directory; a command, which reads the log once, in memory.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from meter.batch.store import LEAST_OPEN_FILES, Room, Stamp, Store, open_anew, open_store
from schemas.rows import NEVER

#: Rises when a record of `workspaces` is judged in another way, or a row is packed in another: the log is read again.
WORKSPACES_FORMAT = 1
#: A row is some 40 bytes: rows are written out often, so that a kill loses few, and they are looked up rarely.
ROOM = Room(open_files=LEAST_OPEN_FILES, memtable_bytes=2 << 20, cache_bytes=4 << 20)
NOWHERE = 1 << 62

READ_TO = b"\x00read-to"
WORKSPACE = b"w"


class WorkspaceRow(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A workspace's account, the day from which it is commercial, the offsets of its first record and of that one."""

    account: str
    bound_at: int
    commercial: int = NEVER
    commercial_at: int = NOWHERE


class ReadTo(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The log is read up to `offset`; the last record read, by which another log is recognized."""

    offset: int
    last_offset: int
    last_timestamp_ms: int
    last_crc: int


class Workspaces(Protocol):
    """Where what the log says is kept."""

    def open(self) -> ReadTo | None:
        """Open it; how far the log was read into it."""

    def rebuild(self, why: str) -> None:
        """Begin again, with nothing."""

    def get(self, workspace: str) -> WorkspaceRow | None: ...

    def get_many(self, workspaces: Sequence[str]) -> list[WorkspaceRow | None]: ...

    def put(self, rows: Mapping[str, WorkspaceRow], read_to: ReadTo) -> None:
        """Keep rows, and how far the log is read with them, both or none."""

    def close(self) -> None: ...


class WorkspacesInMemory:
    """Of one process, and gone with it."""

    def __init__(self) -> None:
        self._rows: dict[str, WorkspaceRow] = {}

    def open(self) -> None:
        return None

    def rebuild(self, why: str) -> None:
        self._rows.clear()

    def get(self, workspace: str) -> WorkspaceRow | None:
        return self._rows.get(workspace)

    def get_many(self, workspaces: Sequence[str]) -> list[WorkspaceRow | None]:
        return list(map(self._rows.get, workspaces))

    def of_account(self, account: str) -> dict[str, WorkspaceRow]:
        """Every workspace of an account, by name; it looks at all that there are."""
        return {name: row for name, row in sorted(self._rows.items()) if row.account == account}

    def put(self, rows: Mapping[str, WorkspaceRow], read_to: ReadTo) -> None:
        self._rows.update(rows)

    def close(self) -> None:
        return None


_encode = msgspec.msgpack.Encoder().encode
_row = msgspec.msgpack.Decoder(WorkspaceRow).decode
_read_to = msgspec.msgpack.Decoder(ReadTo).decode


class StoredWorkspaces:
    """In a local store, which belongs to one data directory, one meter and one topic, told by its id."""

    def __init__(self, path: Path, meter_id: str, prefix: str, topic_id: str) -> None:
        self._path = path
        self._stamp = Stamp(meter_id, prefix, 0, row_format=WORKSPACES_FORMAT, topic_id=topic_id)
        self._store: Store | None = None

    @property
    def store(self) -> Store:
        assert self._store is not None, "the table is opened before it is asked"
        return self._store

    def open(self) -> ReadTo | None:
        self._store = open_store(self._path, self._stamp, 0.0, ROOM)
        value = self._store.get(READ_TO)
        return None if value is None else _read_to(value)

    def rebuild(self, why: str) -> None:
        self.store.close()
        self._store = open_anew(self._path, self._stamp, ROOM, why)

    def get(self, workspace: str) -> WorkspaceRow | None:
        value = self.store.get(WORKSPACE + workspace.encode())
        return None if value is None else _row(value)

    def get_many(self, workspaces: Sequence[str]) -> list[WorkspaceRow | None]:
        values = self.store.get_many([WORKSPACE + workspace.encode() for workspace in workspaces])
        return [None if value is None else _row(value) for value in values]

    def put(self, rows: Mapping[str, WorkspaceRow], read_to: ReadTo) -> None:
        keyed = sorted((WORKSPACE + workspace.encode(), _encode(row)) for workspace, row in rows.items())
        self.store.write([*keyed, (READ_TO, _encode(read_to))])

    def close(self) -> None:
        if self._store is not None:
            self._store.close()
