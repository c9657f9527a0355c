"""Consumers stop, also while aiokafka lets go of an assignment; every consumer of ours is stopped so."""

import asyncio
import contextlib
import re
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.subscription_state import SubscriptionState

from meter.batch import stopping
from meter.batch.stopping import ended, is_cancelled, spared, stopped
from tests.test_imports_floor import FLOORS, files

HERE, THERE = TopicPartition("usage", 0), TopicPartition("usage", 1)
#: A stop takes no second.
SECONDS = 5.0


class Consumer:
    """What of aiokafka's consumer is stopped: its fetch task, here with one fetch that ends when it may."""

    def __init__(self) -> None:
        cluster = SimpleNamespace(leader_for_partition=lambda _: 0)
        client: Any = SimpleNamespace(_loop=asyncio.get_running_loop(), _metadata_max_age_ms=300_000, cluster=cluster)
        self.subscriptions = SubscriptionState()
        self._client = SimpleNamespace(close=self._close)
        self.closed = False
        self._fetcher = Fetcher(client, self.subscriptions)
        self._fetcher._proc_fetch_request = self._fetch
        self._fetcher._update_fetch_positions = self._fetch
        self.fetching, self.cancelled, self.may_end = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def _fetch(self, *_: Any) -> bool:
        self.fetching.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            await self.may_end.wait()
            raise
        return False

    async def _close(self) -> None:
        self.closed = True

    async def stop(self) -> None:
        await self._fetcher.close()
        await self._client.close()

    async def lets_go(self) -> None:
        """It fetches from one partition, is assigned another, and waits for the fetch that it cancelled."""
        self.subscriptions.assign_from_user({HERE})
        await self.fetching.wait()
        self.subscriptions.assign_from_user({THERE})
        await self.cancelled.wait()


async def is_stopped(how: Any) -> bool:
    """Whether a consumer that is just letting go is stopped so."""
    consumer = Consumer()
    await consumer.lets_go()
    ending = asyncio.create_task(how(consumer))
    await asyncio.sleep(0)
    consumer.may_end.set()
    done, _ = await asyncio.wait({ending}, timeout=SECONDS if how is stopped else 1.0)
    consumer._fetcher._fetch_task.cancel()
    ending.cancel()
    await asyncio.gather(ending, return_exceptions=True)
    return bool(done)


def test_a_consumer_that_lets_go_of_an_assignment_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "AGAIN_SECONDS", 0.05)
    assert asyncio.run(is_stopped(stopped))


def test_aiokafkas_own_stop_waits_for_ever_there() -> None:
    """Where this fails aiokafka has mended it, and `stopped` can go."""
    assert not asyncio.run(is_stopped(Consumer.stop))


async def end_of_stop_while_fetching(how: Any) -> tuple[bool, bool]:
    """Whether whoever stops a consumer that fetches goes on, and whether its client was closed."""
    consumer = Consumer()
    consumer.may_end.set()
    consumer.subscriptions.assign_from_user({HERE})
    await consumer.fetching.wait()
    ending = asyncio.create_task(how(consumer))
    await asyncio.wait({ending}, timeout=SECONDS)
    return not ending.cancelled(), consumer.closed


def test_who_stops_a_consumer_that_fetches_is_not_cancelled() -> None:
    assert asyncio.run(end_of_stop_while_fetching(stopped)) == (True, True)


def test_aiokafkas_own_stop_cancels_whoever_stops() -> None:
    """Where this fails aiokafka has mended it, and half of `stopped` can go."""
    assert asyncio.run(end_of_stop_while_fetching(Consumer.stop)) == (False, False)


def test_a_cancellation_that_nobody_asked_for_is_none() -> None:
    async def seen(waited_for: "asyncio.Future[None]") -> bool:
        try:
            await waited_for
        except asyncio.CancelledError:
            return is_cancelled()
        raise AssertionError("it was not cancelled")

    async def program() -> tuple[bool, bool]:
        let_out, asked = asyncio.get_running_loop().create_future(), asyncio.get_running_loop().create_future()
        let_out.cancel()
        task = asyncio.create_task(seen(asked))
        await asyncio.sleep(0)
        task.cancel()
        return await asyncio.create_task(seen(let_out)), await task

    assert asyncio.run(program()) == (False, True)


def test_a_consumer_that_was_never_started_stops() -> None:
    class New:
        _fetcher = None
        stops = 0

        async def stop(self) -> None:
            self.stops += 1

    consumer = New()
    asyncio.run(stopped(consumer))
    assert consumer.stops == 1


def test_every_file_that_makes_a_consumer_stops_it_so() -> None:
    makers = {
        path.name: path.read_text(encoding="utf-8")
        for floor in FLOORS
        for path in files(floor)
        if re.search(r"AIOKafkaConsumer\($", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert len(makers) > 10
    elsewhere = {name for name, text in makers.items() if re.search(r"(?:consumer|reader|kafka|asker)\.stop\(\)", text)}
    assert elsewhere == set(), "`stopped` of meter/batch/stopping.py stops a consumer"


def test_a_cancellation_that_nobody_asked_for_is_no_end_and_one_that_somebody_did_is() -> None:
    async def story() -> None:
        given_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        given_up.cancel()
        with pytest.raises(TimeoutError):
            await spared(given_up)
        waiting = asyncio.create_task(spared(asyncio.Event().wait()))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(story())


def test_a_task_that_loses_a_cancellation_is_cancelled_again() -> None:
    async def loses_one() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()  # as `wait_for` of Python 3.11 does, if its answer comes at the same moment
        await asyncio.Event().wait()

    async def fails() -> None:
        raise ValueError("what it was about")

    async def story() -> None:
        tasks = asyncio.create_task(loses_one()), asyncio.create_task(fails())
        await asyncio.sleep(0)
        async with asyncio.timeout(SECONDS):
            await ended(*tasks)
        assert [task.done() for task in tasks] == [True, True]

    asyncio.run(story())


def test_nobody_cancels_a_task_once_and_waits_for_its_end() -> None:
    once = re.compile(r"\.cancel\(\)\n\s+await asyncio\.(?:gather\([^)]*return_exceptions|wait\([^,)]*\)\n)")
    every = {path for floor in FLOORS for path in files(floor)}
    assert len(every) > 300
    found = {str(path) for path in every if path.name != "stopping.py" and once.search(path.read_text())}
    assert found == set(), "`ended` of meter/batch/stopping.py ends tasks"
