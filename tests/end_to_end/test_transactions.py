"""Transactions and restores on a real Kafka: fenced, torn, left open, answers lost, killed in the middle."""

import asyncio
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined] # exported all the same

from meter.batch import restore, transactions
from meter.batch.lanes import Reopen
from meter.batch.oversize import RefusedForSize
from meter.batch.restore import ChangelogLost, Restore
from meter.batch.store import Store
from meter.batch.transactions import FencedProducer, Rows
from tests.end_to_end.kafka import Kafka
from tests.faults.proxy import Kind, Proxy, through

pytestmark = pytest.mark.e2e

OUT, CHANGELOG, SMALL = "out", "changelog", "small"
OFFSET = b"\x00offset"
Row = tuple[bytes, bytes | None]


class Place:
    """Three topics of a prefix, and the producers of one partition's owners."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.kafka = Kafka(bootstrap, f"{uuid.uuid4().hex[:8]}.")
        prefix = self.kafka.prefix
        topics = [
            NewTopic(prefix + OUT, 1, 1),
            NewTopic(prefix + CHANGELOG, 1, 1, config={"cleanup.policy": "compact"}),
            NewTopic(prefix + SMALL, 1, 1, config={"max.message.bytes": "1000"}),
        ]
        for created in self.kafka.admin.create_topics(topics).values():
            created.result()

    @property
    def kwargs(self) -> dict[str, Any]:
        return {"bootstrap_servers": self.bootstrap}

    async def owner(self) -> FencedProducer:
        """The next owner, started."""
        producer = FencedProducer(f"{self.kafka.prefix}meter-0", self.kwargs)
        await producer.start()
        return producer

    def chunk(self, text: str, *more: tuple[str, bytes]) -> list[tuple[str, int, Rows]]:
        """What one transaction writes."""
        rows = [(OUT, text.encode()), (CHANGELOG, text.encode()), *more]
        return [(self.kafka.prefix + topic, 0, [(value[:9], value)]) for topic, value in rows]

    def seen(self, topic: str = OUT, committed: bool = True) -> list[str]:
        return [(record.value() or b"").decode() for record in self.kafka.read(topic, committed)]

    def restore(self, expand: Callable[[Iterable[Row]], Iterable[Row]] = list) -> Restore:
        return Restore(self.kafka.prefix + CHANGELOG, 0, self.kwargs, expand, OFFSET)


@pytest.fixture
def place(bootstrap: str) -> Place:
    return Place(bootstrap)


def played(story: Callable[[], Awaitable[None]]) -> None:
    """Play a story; asyncio may complain of nothing."""
    complaints: list[dict[str, Any]] = []

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        await story()

    asyncio.run(scenario())
    assert not complaints, complaints


async def left_open(producer: FencedProducer, chunk: list[tuple[str, int, Rows]]) -> None:
    """Write a chunk and die before it is committed."""
    inner = producer._producer
    assert inner is not None
    await inner.begin_transaction()
    for topic, partition, rows in chunk:
        for key, value in rows:
            await (await inner.send(topic, value, key=key, partition=partition))
    await inner.client.close()
    await producer.stop()


def test_the_second_start_fences_the_first_and_nothing_of_it_is_seen(place: Place) -> None:
    async def story() -> None:
        first = await place.owner()
        await first.commit(place.chunk("before"))
        second = await place.owner()
        with pytest.raises(Reopen, match="ProducerFenced"):
            await first.commit(place.chunk("zombie"))
        await second.commit(place.chunk("after"))
        await second.stop()

    played(story)
    assert place.seen(OUT) == place.seen(CHANGELOG) == ["before", "after"]


def test_a_transaction_with_a_torn_batch_is_never_committed(place: Place) -> None:
    async def story() -> None:
        first = await place.owner()
        with pytest.raises(RefusedForSize, match=r"the max.message.bytes of .*small/0"):
            await first.commit(place.chunk("torn", (SMALL, random.Random(1).randbytes(3_000))))
        second = await place.owner()
        await second.commit(place.chunk("whole"))
        await second.stop()

    played(story)
    assert place.seen(OUT) == place.seen(CHANGELOG) == ["whole"]
    assert "torn" in place.seen(OUT, committed=False)


def test_what_a_dead_owner_left_open_is_aborted_by_the_next_start(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "TRANSACTION_TIMEOUT_MS", 300_000)

    async def story() -> None:
        await left_open(await place.owner(), place.chunk("open"))
        begun = time.monotonic()
        second = await place.owner()
        assert time.monotonic() - begun < 60.0, "the next start waits for the transaction's timeout"
        await second.commit(place.chunk("next"))
        await second.stop()

    played(story)
    assert place.seen(OUT) == place.seen(CHANGELOG) == ["next"]


def test_a_commit_whose_answer_is_lost_is_asked_for_once_and_may_have_been_done(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        async with Proxy(place.bootstrap) as proxy:
            through(monkeypatch, proxy)
            first = await place.owner()
            proxy.lose_answer(Kind.END_TXN)
            with pytest.raises(Reopen, match="its answer is lost"):
                await first.commit(place.chunk("done"))
            second = await place.owner()
            assert proxy.seen[Kind.END_TXN] == 1
            await second.commit(place.chunk("next"))
            await second.stop()

    played(story)
    assert place.seen(OUT) == place.seen(CHANGELOG) == ["done", "next"]


def test_a_commit_that_was_lost_on_its_way_is_undone_by_the_next_start(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        async with Proxy(place.bootstrap) as proxy:
            through(monkeypatch, proxy)
            first = await place.owner()
            proxy.lose_request(Kind.END_TXN)
            with pytest.raises(Reopen, match="its answer is lost"):
                await first.commit(place.chunk("undone"))
            second = await place.owner()
            await second.commit(place.chunk("next"))
            await second.stop()

    played(story)
    assert place.seen(OUT) == place.seen(CHANGELOG) == ["next"]


def test_a_commit_whose_answer_is_late_is_a_commit(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with Proxy(place.bootstrap) as proxy:
            through(monkeypatch, proxy)
            owner = await place.owner()
            proxy.delay_answer(Kind.END_TXN, 1.0)
            await owner.commit(place.chunk("late"))
            await owner.commit(place.chunk("next"))
            assert proxy.seen[Kind.END_TXN] == 2
            await owner.stop()

    played(story)
    assert place.seen(OUT) == place.seen(CHANGELOG) == ["late", "next"]


@pytest.mark.parametrize("kind", [Kind.PRODUCE, Kind.ADD_PARTITIONS, Kind.INIT_PRODUCER_ID])
def test_any_other_answer_may_be_lost_without_a_trace(
    place: Place, monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    async def story() -> None:
        async with Proxy(place.bootstrap) as proxy:
            through(monkeypatch, proxy)
            proxy.lose_answer(kind)
            owner = await place.owner()
            await owner.commit(place.chunk("once"))
            await owner.stop()

    played(story)
    assert place.seen(OUT) == place.seen(CHANGELOG) == ["once"]


async def mixed(place: Place) -> dict[bytes, bytes]:
    """A changelog of committed and aborted transactions over the same keys; what the committed ones leave."""
    chance, expected = random.Random(7), dict[bytes, bytes]()
    topic = place.kafka.prefix + CHANGELOG
    owner = await place.owner()
    for number in range(40):
        values = {
            key: None if chance.random() < 0.2 else b"%d-%d" % (number, key) for key in chance.sample(range(200), 50)
        }
        rows: Rows = [(b"k%d" % key, value) for key, value in values.items()]
        if chance.random() < 0.3:
            await left_open(owner, [(topic, 0, [row for row in rows if row[1] is not None])])
            owner = await place.owner()
            continue
        await owner.commit([(topic, 0, rows)])
        for row_key, value in rows:
            assert row_key is not None
            if value is None:
                expected.pop(row_key, None)
            else:
                expected[row_key] = value
    await left_open(owner, [(topic, 0, [(b"k0", b"open")])])
    await (await place.owner()).stop()
    return expected


def rows_of(store: Store) -> dict[bytes, bytes]:
    return dict(store.scan(b"k"))


def test_a_restore_reads_exactly_what_was_committed(place: Place, tmp_path: Path) -> None:
    async def story() -> None:
        expected = await mixed(place)
        store = Store(tmp_path / "store")
        await place.restore().run(store)
        assert rows_of(store) == expected
        assert await place.restore().run(store) == 0
        store.close()

    played(story)


class Killed(Exception):
    """The end of a worker in the middle of its restore."""


def test_a_restore_that_was_killed_goes_on_where_it_was(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restore, "BATCH_RECORDS", 40)

    async def story() -> None:
        expected = await mixed(place)
        batches: list[int] = []

        def until_killed(rows: Iterable[Row]) -> Iterable[Row]:
            batches.append(len(list(rows)))
            if len(batches) % 9 == 0:
                raise Killed
            return rows

        for _ in range(20):
            store = Store(tmp_path / "store")
            try:
                await place.restore(until_killed).run(store)
            except Killed:
                continue
            else:
                break
            finally:
                store.close()
        store = Store(tmp_path / "store")
        assert rows_of(store) == expected
        assert len(batches) > 18, "it was never killed"
        store.close()

    played(story)


def test_a_store_ahead_of_its_changelog_is_refused(place: Place, tmp_path: Path) -> None:
    async def story() -> None:
        store = Store(tmp_path / "store")
        store.write([(OFFSET, (500).to_bytes(8, "big"))])
        with pytest.raises(ChangelogLost, match="ends at 0, the local store holds it up to 500"):
            await place.restore().run(store)
        store.close()

    played(story)
