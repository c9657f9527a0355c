"""A changelog that does not hold what the state was made of is refused; the rest is tried on a real Kafka."""

import asyncio
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

    async def getmany(self, tp: Any, timeout_ms: int, max_records: int) -> dict[Any, list[Any]]:
        self.at += 1
        return {tp: [SimpleNamespace(key=b"k%d" % self.at, value=b"v")]}


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
