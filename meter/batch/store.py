"""The local store: one RocksDB a partition, one column family, tables are key prefixes, no write-ahead log.

Each chunk is one WriteBatch, so what survives a kill is the first chunks with the position behind them. The store is a
cache of the changelog: losing it costs a restore, nothing else.
"""

import logging
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import msgspec
from rocksdict import BlockBasedOptions, Cache, Options, Rdict, ReadOptions, WriteBatch, WriteOptions

from meter.batch import store_errors
from meter.batch.store_errors import DamagedStore
from meter.machine import private_files as private

log = logging.getLogger(__name__)

#: Bytes of rows in memory before RocksDB writes them out; a kill loses at most this, which a restore brings back.
MEMTABLE_BYTES = 16 << 20
BLOCK_CACHE_BYTES = 32 << 20
#: The key of the stamp, which names what the store belongs to; not a row of the state.
STAMP_KEY = b"\x00stamp"
#: Raise it when a row's packing changes: a store of another format is moved aside and restored.
ROW_FORMAT = 5
#: The least max_open_files; RocksDB keeps ten of them for itself.
LEAST_OPEN_FILES = 20
#: Other descriptors of a store: its directory twice, log, lock, manifest, write-ahead log, and four of a compaction.
BESIDE_FILES = 10
#: Descriptors of a store with LEAST_OPEN_FILES (test_store.py holds it).
LEAST_DESCRIPTORS = LEAST_OPEN_FILES - 10 + BESIDE_FILES + 6
#: RocksDB's own log of a store: number and length of its files.
LOG_FILES, LOG_BYTES = 3, 4 << 20
#: Memtables of a store: one being filled, the others being written out.
MEMTABLES = 3


class Stamp(msgspec.Struct, array_like=True, frozen=True):
    """What a store belongs to; `at`: a time (seconds since 1970) when it held the whole changelog."""

    meter_id: str
    prefix: str
    partition: int
    row_format: int = ROW_FORMAT
    at: float = msgspec.field(default=0.0)
    #: Kafka's id of the log that it is made of, where that may be made again under the same meter.
    topic_id: str = ""

    def belongs_with(self, other: "Stamp") -> bool:
        mine, theirs = (msgspec.structs.replace(stamp, at=0.0) for stamp in (self, other))
        return mine == theirs


@dataclass(frozen=True)
class Room:
    """What one store may use: open files, bytes of memory."""

    open_files: int = 1_024
    memtable_bytes: int = MEMTABLE_BYTES
    cache_bytes: int = BLOCK_CACHE_BYTES


def _options(room: Room) -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_max_open_files(room.open_files)
    options.set_table_cache_num_shard_bits(0)  # the limit is per shard, each keeps one
    options.set_keep_log_file_num(LOG_FILES)
    options.set_max_log_file_size(LOG_BYTES)
    options.set_write_buffer_size(room.memtable_bytes)
    options.set_max_write_buffer_number(MEMTABLES)
    options.set_max_background_jobs(2)
    options.set_memtable_whole_key_filtering(True)
    options.set_memtable_prefix_bloom_ratio(0.1)
    table = BlockBasedOptions()
    table.set_bloom_filter(10, False)
    table.set_block_cache(Cache(room.cache_bytes))
    options.set_block_based_table_factory(table)
    return options


class Store:
    """Rows of one partition, bytes to bytes: read one by one, many at once or by prefix, and written in batches."""

    def __init__(self, path: Path, room: Room | None = None) -> None:
        self.path = path
        self._damaged = False
        private.own_directory(path.parent)
        try:
            self._db: Rdict | None = Rdict(str(path), options=_options(room or Room(memtable_bytes=MEMTABLE_BYTES)))
        except Exception as error:
            raise store_errors.explained(error, path, store_errors.OPENING) from error
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
            raise self._explained(error, store_errors.READING) from error
        return value

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        try:
            return cast(list[bytes | None], self.db.get(list(keys)))
        except Exception as error:
            raise self._explained(error, store_errors.READING) from error

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
            raise self._explained(error, store_errors.WRITING) from error

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
            rows.status()  # a damaged block ends an iteration like the last row
        except Exception as error:
            raise self._explained(error, store_errors.READING) from error

    def _explained(self, error: Exception, doing: str) -> Exception:
        """The error explained; a damaged store is moved aside when it is closed."""
        meaning = store_errors.explained(error, self.path, doing)
        self._damaged = self._damaged or isinstance(meaning, DamagedStore)
        return meaning

    def stamp(self) -> Stamp | None:
        value = self.get(STAMP_KEY)
        return None if value is None else msgspec.msgpack.decode(value, type=Stamp)

    def put_stamp(self, stamp: Stamp, at: float) -> None:
        """Note that the store held the whole changelog at a time."""
        self.write([(STAMP_KEY, msgspec.msgpack.encode(msgspec.structs.replace(stamp, at=at)))])

    def flush(self) -> None:
        try:
            self.db.flush()
        except Exception as error:
            raise self._explained(error, store_errors.WRITING) from error

    def close(self) -> None:
        """Flush and close; a damaged store is moved aside, so that the next start restores it."""
        if self._db is None:
            return
        db, self._db = self._db, None
        if not self._damaged:
            try:
                db.flush()
            except Exception as error:
                self._explained(error, store_errors.WRITING)
                log.warning("store %s: its last rows did not reach the disk (%s)", self.path.name, error)
        try:
            db.close()
        except Exception as error:  # it writes once more, which a damaged store refuses
            self._explained(error, store_errors.WRITING)
            log.warning("store %s: it was not closed in order (%s)", self.path.name, error)
        del db  # the last reference: RocksDB lets go of the directory
        if self._damaged:
            _move_aside(self.path)


def open_store(path: Path, stamp: Stamp, oldest: float, room: Room | None = None) -> Store:
    """Open the store if it carries this stamp and held the whole changelog at `oldest` (seconds since 1970) or later.

    Any other store, or a damaged one, is moved aside and replaced by an empty one, to be restored. UserError if the
    machine refuses, or if another process has the store open. The stamp's time changes only with `put_stamp`: an
    interrupted restore must not make an old store look young.
    """
    try:
        store = Store(path, room)
    except DamagedStore as error:
        return open_anew(path, stamp, room, f"cannot be read ({error.__cause__})")
    try:
        found = store.stamp()
    except (DamagedStore, msgspec.MsgspecError) as error:
        store.close()
        return open_anew(path, stamp, room, f"cannot be read ({error})")
    if found is None:
        store.put_stamp(stamp, time.time())
    elif not found.belongs_with(stamp):
        store.close()
        return open_anew(path, stamp, room, f"belongs to {found}")
    elif found.at < oldest:
        store.close()
        return open_anew(path, stamp, room, "is older than the changelog keeps deletions")
    return store


def open_anew(path: Path, stamp: Stamp, room: Room | None, why: str) -> Store:
    """Move what is there aside and open an empty store; `why` completes "the store …"."""
    log.warning("store %s %s; moving it aside and restoring it", path.name, why)
    _move_aside(path)
    store = Store(path, room)
    store.put_stamp(stamp, time.time())
    return store


def _move_aside(path: Path) -> None:
    """Rename a store away, if it is still there; the latest one is kept for inspection."""
    if not path.exists():
        return
    for earlier in path.parent.glob(f"{path.name}.aside-*"):
        shutil.rmtree(earlier, ignore_errors=True)
    path.rename(path.with_name(f"{path.name}.aside-{time.time_ns()}"))
