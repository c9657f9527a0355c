"""Transactions: the changes to aiokafka hold, and an uncertain commit is never taken for a commit."""

import asyncio
import contextlib
import gc
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError, RequestTimedOutError

from meter.batch import transactions
from meter.batch.lanes import Reopen
from meter.batch.oversize import RefusedForSize
from meter.batch.transactions import FencedProducer, LogMadeAgain
from tests.batch.scripted_broker import (
    CONCURRENT_TRANSACTIONS,
    CORRUPT_MESSAGE,
    INVALID_PRODUCER_EPOCH,
    MESSAGE_TOO_LARGE,
    NOT_COORDINATOR,
    RECORD_LIST_TOO_LARGE,
    ScriptedBroker,
)

CHUNK = [("overages", 0, [(b"k", b"v"), (b"l", b"w")]), ("changelog", 0, [(b"p", b"1")])]


def run(story: Callable[[FencedProducer], Awaitable[None]]) -> None:
    """Tell a story with a started producer; nothing may be left that nobody looked at."""
    complaints: list[dict[str, Any]] = []

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
        producer = FencedProducer("meter-0", {"bootstrap_servers": "nowhere:9"})
        await producer.start()
        await story(producer)
        await producer.stop()
        del producer
        gc.collect()
        await asyncio.sleep(0)

    asyncio.run(scenario())
    gc.collect()
    assert not complaints, complaints


async def retaken(producer: FencedProducer) -> str:
    """Commit, which must be uncertain; returns the reason."""
    with pytest.raises(Reopen) as doubt:
        await producer.commit(CHUNK)
    return str(doubt.value)


def test_a_chunk_is_added_written_acknowledged_and_only_then_committed(broker: ScriptedBroker) -> None:
    async def story(producer: FencedProducer) -> None:
        following = await producer.commit(CHUNK)
        assert following["changelog"] in (101, 102)
        assert following["overages"] in (102, 103)

    run(story)
    assert broker.asked[-1] == "Commit"
    assert broker.times("Commit") == 1
    assert "Produce" in broker.asked


def test_a_transaction_of_several_topics_takes_three_requests(broker: ScriptedBroker) -> None:
    async def story(producer: FencedProducer) -> None:
        for _ in range(3):
            broker.asked.clear()
            await producer.commit([(topic, 0, [(b"k", b"v")]) for topic in ("overages", "wallets", "changelog")])
            assert broker.asked == ["AddPartitionsToTxn", "Produce", "Commit"]

    run(story)


def test_a_commit_answers_the_offset_after_the_last_row_of_each_topic(broker: ScriptedBroker) -> None:
    async def story(producer: FencedProducer) -> None:
        broker.ends = 500
        assert await producer.commit([("changelog", 1, [(b"%d" % n, b"v") for n in range(7)])]) == {"changelog": 507}

    run(story)


@pytest.mark.parametrize("lost", [RequestTimedOutError(), KafkaConnectionError("gone")])
def test_an_end_whose_answer_is_lost_is_never_sent_again(broker: ScriptedBroker, lost: Exception) -> None:
    async def story(producer: FencedProducer) -> None:
        broker.script["Commit"] = [lost]
        assert "its answer is lost" in await retaken(producer)
        await asyncio.sleep(0.1)  # aiokafka itself would ask again after 20 ms
        assert broker.times("Commit") == 1
        assert "is stopped" in await retaken(producer)
        assert broker.times("Commit") == 1

    run(story)


def test_an_end_that_the_broker_says_it_has_not_done_is_asked_again(broker: ScriptedBroker) -> None:
    async def story(producer: FencedProducer) -> None:
        broker.script["Commit"] = [NOT_COORDINATOR, NOT_COORDINATOR]
        await producer.commit(CHUNK)
        assert broker.times("Commit") == 3
        await producer.commit(CHUNK)

    run(story)


def test_a_transaction_that_the_one_before_keeps_waiting_is_asked_for_again_at_once(
    broker: ScriptedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float, *rest: Any) -> Any:
        waits.append(seconds)
        return await sleep(0, *rest)

    async def story(producer: FencedProducer) -> None:
        broker.script["AddPartitionsToTxn"] = [CONCURRENT_TRANSACTIONS, CONCURRENT_TRANSACTIONS]
        with monkeypatch.context() as patched:
            patched.setattr(asyncio, "sleep", noted)
            await producer.commit(CHUNK)
        assert [seconds for seconds in waits if seconds] == [transactions.ENDING_SECONDS] * 2

    run(story)
    assert broker.times("Commit") == 1


def test_nothing_is_committed_to_a_topic_that_goes_on_before_where_it_was(broker: ScriptedBroker) -> None:
    async def story(producer: FencedProducer) -> None:
        producer.following["changelog"] = 900
        broker.ends = 900
        assert await producer.commit([("changelog", 1, [(b"k", b"v")])]) == {"changelog": 901}
        broker.ends = 0
        with pytest.raises(LogMadeAgain, match="changelog went on up to 1, which is not after 901, where it was"):
            await producer.commit([("changelog", 1, [(b"k", b"v")])])
        assert broker.times("Commit") == 1

    run(story)


def test_nothing_is_committed_when_a_batch_failed(broker: ScriptedBroker) -> None:
    async def story(producer: FencedProducer) -> None:
        broker.script["Produce"] = [CORRUPT_MESSAGE]
        await retaken(producer)
        await asyncio.sleep(0.1)
        assert broker.times("Commit") == 0

    run(story)


@pytest.mark.parametrize(
    ("code", "setting"), [(MESSAGE_TOO_LARGE, "max.message.bytes"), (RECORD_LIST_TOO_LARGE, "segment.bytes")]
)
def test_what_a_topic_refuses_for_its_size_is_reported_with_topic_key_size_and_setting(
    broker: ScriptedBroker, code: int, setting: str
) -> None:
    rows = [(b"short", b"v"), (b"p\0acct", b"v" * 9_000_000), (b"k", None)]

    async def story(producer: FencedProducer) -> None:
        broker.script["Produce"] = [0, code]
        with pytest.raises(RefusedForSize) as refused:
            await producer.commit([("overages", 0, [(b"k", b"v")]), ("meter.changelog", 3, rows)])
        assert str(refused.value) == (
            "Kafka refused a batch of 1 record, the longest 9000006 bytes under key b'p\\x00acct': "
            f"the {setting} of meter.changelog/3 (or the broker's message.max.bytes) must be higher. Run "
            f"`kafka-configs.sh --entity-type topics --entity-name meter.changelog --alter --add-config "
            f"{setting}=9437184`, then start the worker again"
        )
        assert broker.times("Commit") == 0

    run(story)


def test_nothing_is_committed_before_every_batch_is_acknowledged(broker: ScriptedBroker) -> None:
    async def story(producer: FencedProducer) -> None:
        acknowledged: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        broker.script["Produce"] = [acknowledged]
        committing = asyncio.create_task(producer.commit(CHUNK))
        await asyncio.sleep(0.1)
        assert broker.times("Commit") == 0
        acknowledged.set_result(0)
        await committing
        assert broker.times("Commit") == 1

    run(story)


@pytest.mark.parametrize("step", ["AddPartitionsToTxn", "Produce", "Commit"])
def test_a_fenced_producer_fails_and_leaves_no_error_unseen(broker: ScriptedBroker, step: str) -> None:
    async def story(producer: FencedProducer) -> None:
        broker.script[step] = [INVALID_PRODUCER_EPOCH, INVALID_PRODUCER_EPOCH]
        assert "ProducerFenced" in await retaken(producer)

    run(story)


def test_a_step_that_takes_too_long_is_in_doubt(broker: ScriptedBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "STEP_SECONDS", 0.1)
    monkeypatch.setattr(transactions, "STOP_SECONDS", 0.1)

    async def story(producer: FencedProducer) -> None:
        broker.script["Commit"] = [asyncio.get_running_loop().create_future()]
        assert "TimeoutError" in await retaken(producer)

    run(story)


def test_a_step_that_takes_too_long_while_writing_is_in_doubt(
    broker: ScriptedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "STEP_SECONDS", 0.1)
    monkeypatch.setattr(transactions, "STOP_SECONDS", 0.1)

    async def story(producer: FencedProducer) -> None:
        broker.script["Produce"] = [asyncio.get_running_loop().create_future()]
        assert "TimeoutError" in await retaken(producer)
        assert broker.times("Commit") == 0

    run(story)


def test_connections_that_were_given_up_while_they_closed_are_no_cancellation(
    broker: ScriptedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """aiokafka keeps what a connection's closing waits for, cancelled as it is once somebody gave up waiting."""
    monkeypatch.setattr(transactions, "STOP_SECONDS", 0.1)

    async def story(producer: FencedProducer) -> None:
        closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def close(client: Any) -> None:
            await asyncio.gather(closed)

        monkeypatch.setattr(AIOKafkaClient, "close", close)
        broker.script["Commit"] = [INVALID_PRODUCER_EPOCH]
        assert "ProducerFenced" in await retaken(producer)
        assert closed.cancelled()

    run(story)


def test_a_client_that_never_closes_holds_up_nobody(broker: ScriptedBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "STEP_SECONDS", 0.1)
    monkeypatch.setattr(transactions, "STOP_SECONDS", 0.1)

    async def story(producer: FencedProducer) -> None:
        never = asyncio.Event()

        async def close(client: Any) -> None:
            for _ in range(3):
                with contextlib.suppress(asyncio.CancelledError):
                    await never.wait()

        monkeypatch.setattr(AIOKafkaClient, "close", close)
        broker.script["Commit"] = [asyncio.get_running_loop().create_future()]
        async with asyncio.timeout(5):
            assert "TimeoutError" in await retaken(producer)
        never.set()

    run(story)


def test_rows_that_fill_several_batches_are_all_written(broker: ScriptedBroker) -> None:
    async def story(producer: FencedProducer) -> None:
        rows = [(b"%d" % number, b"v" * 300_000) for number in range(10)]
        await producer.commit([("changelog", 0, rows)])
        assert broker.times("Produce") == 4

    run(story)


def test_a_row_longer_than_a_batch_gets_one_of_its_own(broker: ScriptedBroker) -> None:
    async def story(producer: FencedProducer) -> None:
        rows = [(b"a", b"1"), (b"account", b"v" * (3 << 20)), (b"b", b"2")]
        await producer.commit([("changelog", 0, rows)])
        assert broker.times("Produce") == 3

    run(story)
