"""The local store: one RocksDB a partition, one column family, tables are key prefixes, WAL off.

Without a WAL what survives a kill is a prefix of the chunks with its own position, since everything of a chunk
is one WriteBatch. The store is a cache of the changelog: it may change the cost of a start, never its meaning.
"""

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import cast

import msgspec
from rocksdict import BlockBasedOptions, Cache, Options, Rdict, ReadOptions, WriteBatch, WriteOptions

log = logging.getLogger(__name__)

#: Bytes of rows in memory before RocksDB writes them out: also the most that a kill can lose (and a restore bring).
MEMTABLE_BYTES = 32 << 20
BLOCK_CACHE_BYTES = 64 << 20
#: The stamp names what the store belongs to; it is no row of the meter's.
STAMP_KEY = b"\x00stamp"
#: Rises when a row's packing changes: a store of another format is moved aside and restored.
ROW_FORMAT = 1


class Stamp(msgspec.Struct, array_like=True, frozen=True):
    """What a store belongs to, and when it was last closed or opened (seconds since 1970)."""

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
        value: bytes | None = self.db.get(key)
        return value

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return cast(list[bytes | None], self.db.get(list(keys)))

    def write(self, rows: Iterable[tuple[bytes, bytes | None]]) -> None:
        """One WriteBatch; a row without a value is deleted."""
        batch = WriteBatch(raw_mode=True)
        put, delete = batch.put, batch.delete
        for key, value in rows:
            if value is None:
                delete(key)
            else:
                put(key, value)
        self.db.write(batch, self._write)

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

    def stamp(self) -> Stamp | None:
        value = self.get(STAMP_KEY)
        return None if value is None else msgspec.msgpack.decode(value, type=Stamp)

    def put_stamp(self, stamp: Stamp) -> None:
        self.write([(STAMP_KEY, msgspec.msgpack.encode(msgspec.structs.replace(stamp, at=time.time())))])

    def flush(self) -> None:
        self.db.flush()

    def close(self) -> None:
        if self._db is not None:
            db, self._db = self._db, None
            db.flush()
            db.close()


def open_store(path: Path, stamp: Stamp, oldest: float) -> Store:
    """Open the store that carries this stamp and was in use after `oldest` (seconds since 1970).

    Any other, and one that RocksDB cannot read, is moved aside: it is restored from the changelog.
    """
    try:
        store = Store(path)
        found = store.stamp()
    except Exception as error:  # RocksDB tells every kind of damage as a bare Exception
        log.warning("store %s cannot be read (%s); moving it aside and restoring it", path.name, error)
        _move_aside(path)
        return _fresh(path, stamp)
    if found is None:
        return _stamped(store, stamp)
    if found.belongs_with(stamp) and found.at >= oldest:
        return _stamped(store, stamp)
    store.close()
    why = "is older than the changelog keeps deletions" if found.belongs_with(stamp) else f"belongs to {found}"
    log.warning("store %s %s; moving it aside and restoring it", path.name, why)
    _move_aside(path)
    return _fresh(path, stamp)


def _fresh(path: Path, stamp: Stamp) -> Store:
    return _stamped(Store(path), stamp)


def _stamped(store: Store, stamp: Stamp) -> Store:
    store.put_stamp(stamp)
    return store


def _move_aside(path: Path) -> None:
    target = path.with_name(f"{path.name}.aside-{time.time_ns()}")
    path.rename(target)
