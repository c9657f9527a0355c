"""A chunk that is packed in its lane's place is handled as if the lane had done it: in order, and nothing left out."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError
from faust.types import TP
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.intake.journal_writer import JournalWriter
from agents.workspace_topics.events import EventReader
from agents.workspace_topics.lanes import WorkspaceTopicLane
from agents.workspace_topics.together import Together
from meter.batch.chunks import CHUNKS_AHEAD, Chunk
from meter.batch.lanes import REOPENS, Reopen, Runner
from schemas.journal import Gathered, UsageGroup, decode
from tests.agents.test_together import Intake as PackedIntake
from tests.agents.test_together import chunk as chunk_of
from tests.agents.test_together import good, record
from tests.agents.test_together import lane as packed_lane

TOPIC = TP("usage.wksp_a", 0)
#: What a record is, and what becomes of it.
PLAIN, DEAD, NULL = "plain", "dead", "null"
TURNS = 5_000
#: What is done in a few turns, on a busy machine; without the mend nobody is ever told.
PATIENCE_SECONDS = 30.0


class Intake(PackedIntake):
    """Whose dead letters are acknowledged at once."""

    def mark_uncertain(self) -> None:
        """The producer is the same before and after."""

    async def bury(self, letter: Any) -> Any:
        sent = await super().bury(letter)
        sent.set_result(None)
        return sent


class Producer:
    """Takes one record after the other, and refuses some."""

    def __init__(self, refused: Sequence[bool]) -> None:
        self.refused = list(refused)
        self.written: list[int] = []

    def create_batch(self) -> Any:
        batch = SimpleNamespace(value=b"")
        batch.append = lambda *, key, value, timestamp: setattr(batch, "value", value)
        return batch

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> asyncio.Future[Any]:
        await asyncio.sleep(0)
        if self.refused and self.refused.pop(0):
            raise KafkaConnectionError
        gathered = decode(batch.value)
        assert isinstance(gathered, Gathered)
        for group in gathered.groups:
            assert isinstance(group, UsageGroup)
            self.written += group.events().offset.tolist()
        sent: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        sent.set_result(SimpleNamespace(timestamp=0))
        return sent


class Reader:
    """Reads a log as a session reader does: CHUNKS_AHEAD chunks are out, those of an earlier epoch are void."""

    def __init__(self, log: Sequence[Any], sizes: Sequence[int]) -> None:
        self.log, self.sizes = log, list(sizes)
        self.offer: Any = None
        self.epoch = self.ahead = self.next = 0
        self.begun = False

    def assignment(self) -> set[TP]:
        return {TOPIC}

    def begin(self, tp: TP, offset: int) -> None:
        self.epoch, self.ahead, self.next, self.begun = self.epoch + 1, 0, offset, True
        self._read_on()

    def release(self, chunk: Chunk) -> None:
        if self.current(chunk):
            self.ahead -= 1
            self._read_on()

    def current(self, chunk: Chunk) -> bool:
        return self.begun and chunk.epoch == self.epoch

    def pause(self, tp: TP) -> None:
        self.begun = False

    async def confirm(self, tp: TP, at: Any) -> bool:
        return True

    def _read_on(self) -> None:
        while self.begun and self.ahead < CHUNKS_AHEAD and self.next < len(self.log):
            end = min(len(self.log), self.next + (self.sizes.pop() if self.sizes else 2))
            self.ahead += 1
            chunk = Chunk(TOPIC, self.log[self.next : end], end, self.epoch, self.next)
            self.next = end
            asyncio.get_running_loop().call_soon(self.offer, chunk)


class Lane(WorkspaceTopicLane):
    """Resumes behind what it handled, as after a commit of all of it."""

    async def open(self) -> int:
        return self.position


def value_of(kind: str, offset: int) -> Any:
    return {PLAIN: good(offset), DEAD: good(offset, type="usage.corrected"), NULL: None}[kind]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from((PLAIN, PLAIN, PLAIN, DEAD, NULL)), min_size=1, max_size=25),
    st.lists(st.integers(1, 4), max_size=20),
    st.lists(st.booleans(), max_size=12).filter(lambda refused: sum(refused) <= REOPENS),
)
def test_a_lane_is_never_ahead_of_what_is_written_and_comes_to_the_end(
    kinds: list[str], sizes: list[int], refused: list[bool]
) -> None:
    async def story() -> None:
        intake: Any = Intake()
        producer: Any = Producer(refused)
        intake.writers = [JournalWriter(0, "meter.journal", lambda: producer)]
        log = [record(offset, value_of(kind, offset)) for offset, kind in enumerate(kinds)]
        reader, together, failures = Reader(log, sizes), Together(intake), list[BaseException]()

        async def stop_with(error: BaseException) -> None:
            failures.append(error)

        app = SimpleNamespace(consumer=reader, stop_with=stop_with)
        checks: Any = None
        lane = Lane(app, TOPIC, "wksp_a", intake, checks)
        lane.together = together
        runner = Runner(lane)
        reader.offer = lambda chunk: together.offer(runner, chunk)
        for _ in range(TURNS):
            assert not failures
            for offset in range(lane.position):
                assert kinds[offset] != PLAIN or offset in producer.written, f"{offset} is handled, and not written"
            if lane.position == len(log):
                break
            await asyncio.sleep(0)
        assert lane.position == len(log)
        assert {offset for offset, kind in enumerate(kinds) if kind == PLAIN} == set(producer.written)
        assert len(intake.buried) >= kinds.count(DEAD)
        await runner.leave()

    asyncio.run(story())


def test_a_lane_without_work_lends_a_chunk_and_one_with_work_does_not() -> None:
    async def story() -> None:
        intake: Any = Intake()
        reader = Reader([], [])
        checks: Any = None
        lane = Lane(SimpleNamespace(consumer=reader), TOPIC, "wksp_a", intake, checks)
        runner = Runner(lane)
        chunk, behind = (Chunk(TOPIC, [record(at, good(at))], at + 1, 1, at) for at in (0, 1))
        assert not runner.lend(chunk), "it is not opened yet"
        while not runner.reading:
            await asyncio.sleep(0)
        assert not runner.lend(behind), "something is before it"
        assert runner.lend(chunk) and not runner.lend(chunk) and runner.busy
        runner.returned(chunk)
        assert not runner.busy
        runner.offer(behind)
        assert not runner.lend(chunk), "another waits"
        await runner.leave()
        assert not runner.lend(chunk)

    asyncio.run(story())


def test_a_bug_in_packing_ends_the_lanes_that_wait_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        intake: Any = Intake()
        mine = packed_lane(intake)
        mine.together = Together(intake)
        monkeypatch.setattr(EventReader, "few", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(mine.handle(chunk_of(record(0, good(0)))), PATIENCE_SECONDS)

    asyncio.run(story())


def test_a_write_that_is_given_up_with_its_connection_is_told_to_whoever_waits_for_it() -> None:
    class GivenUp(Producer):
        async def send_batch(self, batch: Any, topic: str, *, partition: int) -> asyncio.Future[Any]:
            sent = await super().send_batch(batch, topic, partition=partition)
            given_up: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            given_up.cancel()
            return given_up if len(self.written) == 1 else sent

    async def story() -> None:
        intake: Any = Intake()
        producer: Any = GivenUp([])
        intake.writers = [JournalWriter(0, "meter.journal", lambda: producer)]
        mine = packed_lane(intake)
        mine.together = Together(intake)
        ends: list[AbstractContextManager[Any]] = [pytest.raises(Reopen), nullcontext()]
        for expected in ends:
            with expected:
                await asyncio.wait_for(mine.handle(chunk_of(record(0, good(0)))), PATIENCE_SECONDS)

    asyncio.run(story())
