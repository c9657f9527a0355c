"""A local store without a write-ahead log: a crash keeps a prefix of its batches, wherever the last flush was."""

from collections.abc import Iterable, Iterator, Sequence
from random import Random

from meter.batch.store import Store

Rows = Iterable[tuple[bytes, bytes | None]]


class Disk:
    """What one worker has of one partition: the batches written, how many of them are flushed."""

    def __init__(self) -> None:
        self.batches: list[list[tuple[bytes, bytes | None]]] = []
        self.flushed = 0

    def crash(self, rng: Random) -> None:
        """Some of what was not flushed survives: a prefix."""
        del self.batches[rng.randint(self.flushed, len(self.batches)) :]

    def lose(self) -> None:
        """The store is gone."""
        self.batches.clear()
        self.flushed = 0


class MemoryStore(Store):
    """The real `Store` with a dict in place of RocksDB."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.rows: dict[bytes, bytes] = {}
        for batch in disk.batches:
            self._apply(batch)

    def get(self, key: bytes) -> bytes | None:
        return self.rows.get(key)

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return [self.rows.get(key) for key in keys]

    def write(self, rows: Rows) -> None:
        batch = list(rows)
        self.disk.batches.append(batch)
        self._apply(batch)

    def scan(self, prefix: bytes, start: bytes | None = None) -> Iterator[tuple[bytes, bytes]]:
        first = start or prefix
        for key in sorted(key for key in self.rows if key.startswith(prefix) and key >= first):
            yield key, self.rows[key]

    def flush(self) -> None:
        self.disk.flushed = len(self.disk.batches)

    def close(self) -> None:
        self.flush()

    def _apply(self, batch: list[tuple[bytes, bytes | None]]) -> None:
        for key, value in batch:
            if value is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = value
