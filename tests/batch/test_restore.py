"""A changelog that does not hold what the state was made of is refused; the rest is tried on a real Kafka."""

import asyncio
import threading
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from meter.batch import restore
from meter.batch.restore import ChangelogLost, Restore
from meter.batch.store import Store

OFFSET = b"\0offset"


class Changelog:
    """A consumer of a changelog of which the offsets 7 and 8 are left."""

    def __init__(self, **_: Any) -> None:
        self.at = 0

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    def assign(self, tps: list[Any]) -> None:
        pass

    def seek(self, tp: Any, offset: int) -> None:
        self.at = offset

    async def beginning_offsets(self, tps: list[Any]) -> dict[Any, int]:
        return dict.fromkeys(tps, 7)

    async def end_offsets(self, tps: list[Any]) -> dict[Any, int]:
        return dict.fromkeys(tps, 9)

    async def position(self, tp: Any) -> int:
        return self.at

    async def getmany(self, tp: Any, timeout_ms: int, max_records: int) -> dict[Any, "Fetched"]:
        self.at += 1
        return {tp: Fetched([SimpleNamespace(key=b"k%d" % self.at, value=b"v", offset=self.at - 1)])}


class Fetched:
    """What one fetch brought."""

    whole, piecewise = True, False

    def __init__(self, records: list[Any]) -> None:
        self.records = records

    def take(self, count: int) -> list[Any]:
        taken, self.records = self.records[:count], self.records[count:]
        return taken


@pytest.mark.parametrize(("held", "applied"), [(7, 2), (8, 1), (9, 0)])
def test_a_store_that_holds_what_is_gone_needs_only_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: int, applied: int
) -> None:
    assert restored(tmp_path, monkeypatch, held) == applied


@pytest.mark.parametrize("held", [None, 6])
def test_a_changelog_whose_beginning_was_deleted_restores_no_store_from_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: int | None
) -> None:
    with pytest.raises(ChangelogLost, match=f"begins at 7, the local store holds it up to {held or 0}"):
        restored(tmp_path, monkeypatch, held)


def restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: int | None) -> int:
    monkeypatch.setattr(restore, "aiokafka", SimpleNamespace(AIOKafkaConsumer=Changelog))
    store = Store(tmp_path / "store")
    try:
        if held is not None:
            store.write([(OFFSET, held.to_bytes(8, "big"))])
        return asyncio.run(Restore("changelog", 0, {}, list, OFFSET).run(store))
    finally:
        store.close()


class Repeating(Changelog):
    """Nine records of three keys in one fetch."""

    async def beginning_offsets(self, tps: list[Any]) -> dict[Any, int]:
        return dict.fromkeys(tps, 0)

    async def getmany(self, tp: Any, timeout_ms: int, max_records: int) -> dict[Any, Fetched]:
        self.at = 9
        records = [SimpleNamespace(key=b"k%d" % (at % 3), value=b"%d" % at, offset=at) for at in range(9)]
        records[-1].value = None
        return {tp: Fetched(records)}


@pytest.mark.parametrize("batch", [1, 2, 4, 9, 20])
def test_of_several_rows_with_one_key_the_last_stands_however_they_are_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(restore, "aiokafka", SimpleNamespace(AIOKafkaConsumer=Repeating))
    monkeypatch.setattr(restore, "BATCH_RECORDS", batch)
    store = Store(tmp_path / "store")
    assert asyncio.run(Restore("changelog", 0, {}, list, OFFSET).run(store)) == 9
    assert dict(store.scan(b"k")) == {b"k0": b"6", b"k1": b"7"}
    assert store.get(OFFSET) == (9).to_bytes(8, "big")
    store.close()


class Slow(Store):
    """Writes when it may."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.begun, self.may = threading.Event(), threading.Event()

    def write(self, rows: Iterable[tuple[bytes, bytes | None]]) -> None:
        self.begun.set()
        self.may.wait(20)
        super().write(rows)


def test_a_restore_that_is_given_up_is_done_with_the_store_when_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restore, "aiokafka", SimpleNamespace(AIOKafkaConsumer=Repeating))
    store = Slow(tmp_path / "store")

    async def story() -> None:
        restoring = asyncio.create_task(Restore("changelog", 0, {}, list, OFFSET).run(store))
        await asyncio.to_thread(store.begun.wait, 20)
        restoring.cancel()
        await asyncio.wait({restoring}, timeout=0.05)
        assert not restoring.done(), "the store is still being written"
        store.may.set()
        with pytest.raises(asyncio.CancelledError):
            await restoring
        store.close()

    asyncio.run(story())
