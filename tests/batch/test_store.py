"""The local store is a cache of the changelog: whatever happens to it, a start ends with a right one."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from meter.batch.lanes import Reopen
from meter.batch.store import STAMP_KEY, Stamp, Store, open_store
from meter.errors import UserError

STAMP = Stamp("meter-1", "test.", 3)
ROW = b"row"
#: Enough to have whole blocks in a file that can be damaged.
MANY = [(b"k%06d" % number, b"%d" % number * 50) for number in range(5_000)]


def asides(path: Path) -> list[Path]:
    return list(path.parent.glob(f"{path.name}.aside-*"))


def store_with(path: Path, rows: list[tuple[bytes, bytes | None]]) -> None:
    store = open_store(path, STAMP, 0.0)
    store.write(rows)
    store.close()


def file_of_rows(path: Path) -> Path:
    return max(path.glob("*.sst"), key=lambda file: file.stat().st_size)


def test_a_scan_gives_the_rows_under_a_prefix_in_key_order(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.write([(key, b"v") for key in (b"c2", b"b", b"c1", b"d", b"c", b"c\xff")])
    assert [key for key, _ in store.scan(b"c")] == [b"c", b"c1", b"c2", b"c\xff"]
    assert [key for key, _ in store.scan(b"c", start=b"c15")] == [b"c2", b"c\xff"]
    assert list(store.scan(b"e")) == []
    store.close()


def test_a_row_without_a_value_is_deleted(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.write([(b"a", b"1"), (b"b", b"2")])
    store.write([(b"a", None)])
    assert store.get_many([b"a", b"b", b"c"]) == [None, b"2", None]
    assert store.get_many([]) == []
    store.close()


def test_rows_outlive_a_close(tmp_path: Path) -> None:
    store_with(tmp_path / "store", [(ROW, b"1")])
    store = open_store(tmp_path / "store", STAMP, 0.0)
    assert store.get(ROW) == b"1"
    assert not asides(tmp_path / "store")
    store.close()


@pytest.mark.parametrize(
    "other",
    [
        Stamp("meter-2", "test.", 3),
        Stamp("meter-1", "live.", 3),
        Stamp("meter-1", "test.", 2),
        Stamp("meter-1", "test.", 3, 0),
    ],
)
def test_a_store_of_another_meter_prefix_partition_or_format_is_moved_aside(tmp_path: Path, other: Stamp) -> None:
    path = tmp_path / "store"
    store_with(path, [(ROW, b"1")])
    store = open_store(path, other, 0.0)
    assert store.get(ROW) is None
    assert len(asides(path)) == 1
    store.close()


def test_a_store_last_up_to_date_before_the_oldest_is_moved_aside(tmp_path: Path) -> None:
    path = tmp_path / "store"
    store_with(path, [(ROW, b"1")])
    store = open_store(path, STAMP, time.time() + 1)
    assert store.get(ROW) is None
    assert len(asides(path)) == 1
    store.close()


def test_opening_alone_does_not_make_a_store_younger(tmp_path: Path) -> None:
    path = tmp_path / "store"
    store = open_store(path, STAMP, 0.0)
    store.put_stamp(STAMP, 1_000.0)
    store.close()
    open_store(path, STAMP, 999.0).close()  # killed before its restore ended
    store = open_store(path, STAMP, 1_001.0)
    assert len(asides(path)) == 1
    store.close()


def test_only_the_latest_store_moved_aside_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "store"
    for partition in range(4):
        open_store(path, Stamp("meter-1", "test.", partition), 0.0).close()
    assert len(asides(path)) == 1


def test_an_unreadable_stamp_is_as_good_as_another(tmp_path: Path) -> None:
    path = tmp_path / "store"
    store_with(path, [(STAMP_KEY, b"\xc1"), (ROW, b"1")])
    store = open_store(path, STAMP, 0.0)
    assert store.get(ROW) is None
    store.close()


def test_a_second_opener_is_refused_with_a_sentence_and_harms_nothing(tmp_path: Path) -> None:
    path = tmp_path / "store"
    first = open_store(path, STAMP, 0.0)
    first.write([(ROW, b"1")])
    with pytest.raises(UserError, match="is open already; give each worker its own METER_DATA_DIR"):
        open_store(path, STAMP, 0.0)
    assert not asides(path)
    first.write([(ROW, b"2")])
    first.close()
    again = open_store(path, STAMP, 0.0)
    assert again.get(ROW) == b"2"
    again.close()


def cut(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.truncate(file.stat().st_size // 2)


def remove(file: Path) -> None:
    file.unlink()


def overwrite_manifest(file: Path) -> None:
    next(file.parent.glob("MANIFEST-*")).write_bytes(b"\x00" * 64)


def lose_current(file: Path) -> None:
    (file.parent / "CURRENT").unlink()


@pytest.mark.parametrize("damage", [cut, remove, overwrite_manifest, lose_current])
def test_a_damaged_store_that_cannot_be_opened_is_replaced(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    path = tmp_path / "store"
    store_with(path, list(MANY))
    damage(file_of_rows(path))
    store = open_store(path, STAMP, 0.0)
    assert list(store.scan(b"k")) == []
    store.write([(ROW, b"1")])
    assert store.get(ROW) == b"1"
    store.close()


def flip_bits(path: Path) -> None:
    file = file_of_rows(path)
    content = bytearray(file.read_bytes())
    middle = len(content) // 3
    for at in range(middle, middle + 300):
        content[at] ^= 0xFF
    file.write_bytes(bytes(content))


def read_one_by_one(store: Store) -> None:
    for key, _ in MANY:
        store.get(key)


def read_many(store: Store) -> None:
    store.get_many([key for key, _ in MANY])


def read_by_prefix(store: Store) -> None:
    list(store.scan(b"k"))


@pytest.mark.parametrize("read", [read_one_by_one, read_many, read_by_prefix])
def test_damage_found_while_reading_ends_the_store_and_the_next_one_is_empty(
    tmp_path: Path, read: Callable[[Store], None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    path = tmp_path / "store"
    store_with(path, list(MANY))
    flip_bits(path)
    store = open_store(path, STAMP, 0.0)
    with pytest.raises(Reopen, match="the store store is damaged"):
        read(store)
    store.close()
    assert len(asides(path)) == 1
    store = open_store(path, STAMP, 0.0)
    assert list(store.scan(b"k")) == []
    store.close()


def test_a_store_whose_stamp_is_damaged_is_replaced_and_kept_for_inspection(tmp_path: Path) -> None:
    path = tmp_path / "store"
    store_with(path, list(MANY))
    file = file_of_rows(path)
    file.write_bytes(bytes(300) + file.read_bytes()[300:])
    store = open_store(path, STAMP, 0.0)
    assert list(store.scan(b"k")) == []
    assert len(asides(path)) == 1
    store.close()


class ClosesDamaged:
    """RocksDB as it was seen over a spoilt file: its close writes once more, finds the damage and raises."""

    def __init__(self, db: Any) -> None:
        self._db = db

    def flush(self) -> None:
        self._db.flush()

    def close(self) -> None:
        self._db.close()
        raise Exception("Corruption: block checksum mismatch in 000009.sst")


def test_a_store_whose_damage_shows_when_it_is_closed_is_moved_aside(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.write([(b"a", b"1")])
    store._db = ClosesDamaged(store._db)  # type: ignore[assignment]
    store.close()
    assert not (tmp_path / "store").exists()
    again = Store(tmp_path / "store")
    assert again.get(b"a") is None
    again.close()
