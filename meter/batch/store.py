"""The local store: one RocksDB a partition, one column family, tables are key prefixes, WAL off.

Without a WAL what survives a kill is a prefix of the chunks with its own position, since everything of a chunk
is one WriteBatch. The store is a cache of the changelog: it may change the cost of a start, never its meaning.
"""

import logging
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import cast

import msgspec
from rocksdict import BlockBasedOptions, Cache, Options, Rdict, ReadOptions, WriteBatch, WriteOptions

from meter.batch.lanes import Retake
from meter.trouble import Trouble

log = logging.getLogger(__name__)

#: Bytes of rows in memory before RocksDB writes them out: also the most that a kill can lose (and a restore bring).
MEMTABLE_BYTES = 16 << 20
BLOCK_CACHE_BYTES = 32 << 20
#: The stamp names what the store belongs to; it is no row of the meter's.
STAMP_KEY = b"\x00stamp"
#: Rises when a row's packing changes: a store of another format is moved aside and restored.
ROW_FORMAT = 5
#: In the system's words about a full disk, and about a quota.
_NO_ROOM = ("No space left on device", "Disk quota exceeded")
#: In RocksDB's words about a store that is open already, in this process or another.
_LOCK_FILE = "/LOCK:"


class Stamp(msgspec.Struct, array_like=True, frozen=True):
    """What a store belongs to; it holds all that the changelog held `at` (seconds since 1970), or more."""

    meter_id: str
    prefix: str
    partition: int
    row_format: int = ROW_FORMAT
    at: float = msgspec.field(default=0.0)

    def belongs_with(self, other: "Stamp") -> bool:
        mine, theirs = (msgspec.structs.replace(stamp, at=0.0) for stamp in (self, other))
        return mine == theirs


def _options() -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(MEMTABLE_BYTES)
    options.set_max_write_buffer_number(3)
    options.set_max_background_jobs(2)
    options.set_memtable_whole_key_filtering(True)
    options.set_memtable_prefix_bloom_ratio(0.1)
    table = BlockBasedOptions()
    table.set_bloom_filter(10, False)
    table.set_block_cache(Cache(BLOCK_CACHE_BYTES))
    options.set_block_based_table_factory(table)
    return options


class Store:
    """Rows of one partition: bytes to bytes, read one by one, many at once or by prefix; written a batch at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._damaged = False
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db: Rdict | None = Rdict(str(path), options=_options())
        self._write = WriteOptions()
        self._write.disable_wal = True  # type: ignore[assignment, method-assign]  # a property in truth

    @property
    def db(self) -> Rdict:
        if self._db is None:
            raise RuntimeError(f"the store {self.path.name} is closed")
        return self._db

    def get(self, key: bytes) -> bytes | None:
        try:
            value: bytes | None = self.db.get(key)
        except Exception as error:
            self._judge(error)
            raise
        return value

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        try:
            return cast(list[bytes | None], self.db.get(list(keys)))
        except Exception as error:
            self._judge(error)
            raise

    def write(self, rows: Iterable[tuple[bytes, bytes | None]]) -> None:
        """One WriteBatch; a row without a value is deleted."""
        batch = WriteBatch(raw_mode=True)
        put, delete = batch.put, batch.delete
        for key, value in rows:
            if value is None:
                delete(key)
            else:
                put(key, value)
        try:
            self.db.write(batch, self._write)
        except Exception as error:
            self._judge(error)
            raise

    def scan(self, prefix: bytes, start: bytes | None = None) -> Iterator[tuple[bytes, bytes]]:
        """Rows under a prefix in key order, from the first that is not less than `start`."""
        rows = self.db.iter(ReadOptions())
        rows.seek(start or prefix)
        while rows.valid():
            key = rows.key()
            if not key.startswith(prefix):
                return
            yield key, rows.value()
            rows.next()
        try:
            rows.status()  # a damaged block ends an iteration just as the last row does
        except Exception as error:
            self._judge(error)
            raise

    def _judge(self, error: Exception) -> None:
        """What an error of RocksDB (always a bare Exception) means: a damaged store is rebuilt, the rest stops."""
        if _no_room(error):
            raise Trouble(f"the store {self.path} cannot be written: no room is left on its disk ({error})") from error
        if _is_damage(error):
            self._damaged = True
            raise Retake(f"the store {self.path.name} is damaged ({error}); restoring it from the changelog") from error

    def stamp(self) -> Stamp | None:
        value = self.get(STAMP_KEY)
        return None if value is None else msgspec.msgpack.decode(value, type=Stamp)

    def put_stamp(self, stamp: Stamp, at: float) -> None:
        """Note that the store holds all that the changelog held `at`."""
        self.write([(STAMP_KEY, msgspec.msgpack.encode(msgspec.structs.replace(stamp, at=at)))])

    def flush(self) -> None:
        try:
            self.db.flush()
        except Exception as error:
            self._judge(error)
            raise

    def close(self) -> None:
        """Flush and close; a damaged store is moved aside, so that the next start makes it anew."""
        if self._db is None:
            return
        db, self._db = self._db, None
        if not self._damaged:
            try:
                db.flush()
            except Exception as error:
                self._damaged = _is_damage(error)
                log.warning("store %s: its last rows did not reach the disk (%s)", self.path.name, error)
        db.close()
        if self._damaged:
            _move_aside(self.path)


def _no_room(error: Exception) -> bool:
    return any(words in str(error) for words in _NO_ROOM)


def _is_damage(error: Exception) -> bool:
    return str(error).startswith("Corruption")


def open_store(path: Path, stamp: Stamp, oldest: float) -> Store:
    """Open the store that carries this stamp and was up to date at `oldest` (seconds since 1970) or later.

    Any other, and one that RocksDB cannot read, is moved aside: it is restored from the changelog. Raises Trouble
    if somebody else has it open. Its stamp keeps its time until `put_stamp` says that the store is up to date again:
    a restore that was interrupted must not make an old store look young.
    """
    try:
        store = Store(path)
    except Exception as error:  # RocksDB tells every kind of trouble as a bare Exception
        if _no_room(error):
            raise Trouble(f"the store {path} cannot be opened: no room is left on its disk ({error})") from error
        if _LOCK_FILE in str(error):
            raise Trouble(f"the store {path} is open already; give each worker its own METER_DATA_DIR") from error
        return _anew(path, stamp, f"cannot be read ({error})")
    try:
        found = store.stamp()
    except (Retake, msgspec.MsgspecError) as error:
        store.close()
        return _anew(path, stamp, f"cannot be read ({error})")
    if found is None:
        store.put_stamp(stamp, time.time())
    elif not found.belongs_with(stamp):
        store.close()
        return _anew(path, stamp, f"belongs to {found}")
    elif found.at < oldest:
        store.close()
        return _anew(path, stamp, "is older than the changelog keeps deletions")
    return store


def _anew(path: Path, stamp: Stamp, why: str) -> Store:
    log.warning("store %s %s; moving it aside and restoring it", path.name, why)
    _move_aside(path)
    store = Store(path)
    store.put_stamp(stamp, time.time())
    return store


def _move_aside(path: Path) -> None:
    """Out of the way, the latest one kept for whoever wants to know why."""
    for earlier in path.parent.glob(f"{path.name}.aside-*"):
        shutil.rmtree(earlier, ignore_errors=True)
    if path.exists():
        path.rename(path.with_name(f"{path.name}.aside-{time.time_ns()}"))
