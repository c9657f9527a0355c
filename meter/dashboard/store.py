"""The file of the read model: an SQLite database with one writing connection and one reading connection a thread.

A file of another format or meter is deleted and filled again: everything in it comes from Kafka.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from meter.budgets.topics import BUDGET_ALERTS, BUDGETS
from meter.errors import UserError
from meter.machine import private_files as private

#: Rises with every change of schema.sql or of what its columns mean.
FORMAT = "5"
#: Memory of the writer's page cache, KiB.
CACHE_KIB = 65_536
#: WAL readers never wait for the writer, so a longer wait for a lock is a bug.
BUSY_MS = 5_000
PRAGMAS = (
    "PRAGMA page_size = 8192",  # of a new file: a row of the feed has some 700 bytes, which waste small pages
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",  # a power cut loses the last transactions together with their positions
    f"PRAGMA cache_size = -{CACHE_KIB}",
    f"PRAGMA busy_timeout = {BUSY_MS}",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA wal_autocheckpoint = 4000",
    "PRAGMA journal_size_limit = 67108864",
)


class Store:
    """The file; `writer` is the connection that writes, `reading` gives each thread one that reads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        private.directory(path.parent)
        self._lock = private.locked(
            path.with_name(f"{path.name}.lock"),
            f"another dashboard uses {path}; stop it, or set METER_DASHBOARD_DB to a file of this one",
        )
        self._threads = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self.writer = self._opened()

    def begin(self, meter: str, budgets: str = "") -> bool:
        """Keep the file if it is of this meter and format, else empty it. Returns whether it was kept.

        `budgets`: the topics that budgets are read from, empty for none. If they change, budgets of others are deleted.
        """
        found = dict(self.writer.execute("SELECT name, value FROM about"))
        kept = found.get("format") == FORMAT and found.get("meter") == meter
        if not kept:
            self._empty(meter, fresh=not found)
        if found.get("budgets", "") != budgets or not kept:
            self._forget_budgets(budgets)
        return kept

    def _empty(self, meter: str, fresh: bool) -> None:
        if not fresh:
            self._remove()
            self.writer = self._opened()
        self.writer.executemany("INSERT INTO about VALUES (?, ?)", [("format", FORMAT), ("meter", meter)])

    def _forget_budgets(self, budgets: str) -> None:
        self.writer.execute("BEGIN IMMEDIATE")
        self.writer.execute("DELETE FROM records WHERE kind IN (?, ?)", (BUDGETS, BUDGET_ALERTS))
        self.writer.execute("DELETE FROM positions WHERE topic IN (?, ?)", (BUDGETS, BUDGET_ALERTS))
        self.writer.execute("REPLACE INTO about VALUES ('budgets', ?)", (budgets,))
        self.writer.execute("COMMIT")

    @property
    def meter(self) -> str | None:
        """The meter whose records the file holds; None if it is new."""
        row = self.writer.execute("SELECT value FROM about WHERE name = 'meter'").fetchone()
        return None if row is None else str(row[0])

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A snapshot of the file, so that all figures of a page are of one moment."""
        connection: sqlite3.Connection | None = getattr(self._threads, "connection", None)
        if connection is None or getattr(self._threads, "inode", None) != self._inode():
            if connection is not None:
                self._readers.remove(connection)
                connection.close()  # of a deleted file, which stays on the disk while it is open
            connection = self._threads.connection = self._reader()
            self._threads.inode = self._inode()
        connection.execute("BEGIN")
        try:
            yield connection
        finally:
            connection.rollback()

    def close(self) -> None:
        """Close every connection; the file stays."""
        for connection in self._readers:
            connection.close()
        self._readers.clear()
        self.writer.close()
        self._lock.close()

    def _opened(self) -> sqlite3.Connection:
        try:
            return self._open()
        except sqlite3.DatabaseError as error:
            if not self.path.exists() or isinstance(error, sqlite3.OperationalError):
                raise UserError(
                    f"{self.path} cannot be used ({error}); free the disk, or set METER_DASHBOARD_DB"
                ) from error
            self._remove()  # no database, or a damaged one: everything comes from Kafka again
            return self._open()

    def _open(self) -> sqlite3.Connection:
        before = os.umask(private.UMASK)
        try:
            connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
            try:
                _prepare(connection)
            except BaseException:
                connection.close()  # the file may be deleted next, and stays on the disk while it is open
                raise
            return connection
        finally:
            os.umask(before)

    def _reader(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        connection.execute("PRAGMA query_only = ON")
        self._readers.append(connection)
        return connection

    def _inode(self) -> int:
        return self.path.stat().st_ino

    def _remove(self) -> None:
        if hasattr(self, "writer"):
            self.writer.close()
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)


def _prepare(connection: sqlite3.Connection) -> None:
    """Set up a new file, or check the format of one that is there; DatabaseError if it is another."""
    for pragma in PRAGMAS:
        connection.execute(pragma)
    if connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0:
        connection.executescript(schema())
    elif connection.execute("SELECT value FROM about WHERE name = 'format'").fetchone() != (FORMAT,):
        raise sqlite3.DatabaseError("another format")


def schema() -> str:
    """The statements that make the tables."""
    return files("meter.dashboard").joinpath("schema.sql").read_text(encoding="utf-8")
