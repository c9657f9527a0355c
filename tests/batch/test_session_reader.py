"""The session reader leaves no gap and hands out nothing twice, whatever a broker answers."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, OffsetOutOfRangeError, TopicAuthorizationFailedError
from faust.types import TP

from meter.batch.chunks import CHUNKS_AHEAD, Chunk
from meter.batch.sessions import reader as reader_module
from meter.batch.sessions.reader import SessionReader
from meter.batch.sessions.requests import Fetch, FetchAnswer, Part, Place
from meter.batch.unopened import UnreadableRecord
from tests.record_batches import batch, record

A, B = TP("usage.a", 0), TP("usage.b", 0)
IDS = {A: "aa" * 16, B: "bb" * 16}
OUT_OF_RANGE, NOT_LEADER, DENIED, SESSION_GONE = 1, 6, 29, 70
#: For what comes in a few turns, on a busy machine.
PATIENCE = 30.0


def place(tp: TP) -> Place:
    return bytes.fromhex(IDS[tp]), tp.partition


def part(tp: TP, first: int = 0, count: int = 0, error: int = 0, **changed: Any) -> Part:
    """A part of an answer, with so many records from an offset on."""
    content = batch([record(delta, b"v") for delta in range(count)], first) if count else b""
    said = Part(place(tp), error, first + count, first + count, (), memoryview(content))
    return said._replace(**changed)


class Client:
    """Keeps what brokers are asked, and answers what the test gives, in turn."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[tuple[int, Any]] = asyncio.Queue()
        self.answers: asyncio.Queue[Any] = asyncio.Queue()

    async def send(self, node: int, request: Fetch, *, group: int) -> FetchAnswer:
        self.asked.put_nowait((node, request._asked))
        given = await self.answers.get()
        if isinstance(given, BaseException):
            raise given
        answer = FetchAnswer()
        answer.error_code, answer.session, answer.parts = 0, 7, []
        if isinstance(given, int):
            answer.error_code = given
        else:
            answer.parts = given
        return answer


class Stage:
    """A reader, its client, and what it handed out and told."""

    def __init__(self) -> None:
        self.client: Any = Client()
        self.chunks: list[Chunk] = []
        self.errors: list[Exception] = []
        self.reader = SessionReader(self.client, IDS.__getitem__, self.chunks.append, self.told)
        self.reader.follow([A, B])
        self.reader.place({A: 1, B: 1})

    def told(self, error: Exception) -> bool:
        self.errors.append(error)
        (tp,) = error.args[0] if isinstance(error, OffsetOutOfRangeError) else (A,)
        self.reader.halt(TP(tp.topic, tp.partition) if not isinstance(tp, str) else A)
        return True

    async def asked(self) -> dict[str, Any]:
        """What the broker is asked next: offsets by topic, and what it should forget."""
        names = {place(tp): tp.topic[-1] for tp in IDS}
        node, request = await asyncio.wait_for(self.client.asked.get(), PATIENCE)
        assert node == 1
        offsets = {names[where]: offset for where, offset in request.places}
        return {
            "offsets": offsets,
            "forgotten": sorted(names[where] for where in request.forgotten),
            "epoch": request.epoch,
        }

    async def answer(self, *parts: Part | int | BaseException) -> dict[str, Any]:
        """Answer the last request; the next one."""
        first = parts[0] if parts else None
        self.client.answers.put_nowait(first if isinstance(first, int | BaseException) else list(parts))
        return await self.asked()


def played(story: Callable[[Stage], Awaitable[None]], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LEAST_PAUSE", "LONGEST_PAUSE", "RETRY_SECONDS"):
        monkeypatch.setattr(reader_module, name, 0.0)

    async def play() -> None:
        stage = Stage()
        try:
            await story(stage)
            assert stage.reader.failed.cancelled() or not stage.reader.failed.done()
        finally:
            await stage.reader.close()

    asyncio.run(play())


def offsets(chunk: Chunk) -> list[int]:
    return [each.offset for each in chunk.records]


def test_partitions_are_read_on_from_where_their_chunks_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(stage: Stage) -> None:
        stage.reader.begin(A, 5)
        assert await stage.asked() == {"offsets": {"a": 5}, "forgotten": [], "epoch": 0}
        stage.reader.begin(B, 0)
        assert await stage.answer(part(A, 5, 3)) == {"offsets": {"a": 8, "b": 0}, "forgotten": [], "epoch": 1}
        assert await stage.answer(part(B, 0, 1)) == {"offsets": {"b": 1}, "forgotten": [], "epoch": 2}
        assert [(chunk.tp, offsets(chunk), chunk.start, chunk.position) for chunk in stage.chunks] == [
            (A, [5, 6, 7], 5, 8),
            (B, [0], 0, 1),
        ]
        assert (stage.reader.position(A), stage.reader.reach(A)) == (8, (8, 8, 8))
        assert stage.reader.heard_ms(A) is not None
        assert await stage.answer() == {"offsets": {}, "forgotten": [], "epoch": 3}

    played(story, monkeypatch)


def test_no_more_than_two_chunks_of_a_partition_are_out(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(stage: Stage) -> None:
        stage.reader.begin(A, 0)
        stage.reader.begin(B, 0)
        await stage.asked()
        assert (await stage.answer(part(A, 0, 1)))["offsets"] == {"a": 1}
        assert await stage.answer(part(A, 1, 1)) == {"offsets": {}, "forgotten": ["a"], "epoch": 2}
        assert stage.reader.full(A) and not stage.reader.idle(A) and len(stage.chunks) == CHUNKS_AHEAD
        stage.reader.release(stage.chunks[0])
        assert (await stage.answer())["offsets"] == {"a": 2}
        stage.reader.release(stage.chunks[1])
        assert stage.reader.idle(A)

    played(story, monkeypatch)


def test_what_was_fetched_before_a_partition_was_begun_again_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(stage: Stage) -> None:
        stage.reader.begin(A, 0)
        await stage.asked()
        old = (await stage.answer(part(A, 0, 1)), stage.chunks[0])[1]
        stage.reader.begin(A, 0)
        assert not stage.reader.current(old)
        stage.reader.release(old)
        assert (await stage.answer(part(A, 1, 1)))["offsets"] == {"a": 0}, "offset 1 was asked for the reading before"
        assert len(stage.chunks) == 1
        await stage.answer(part(A, 0, 2))
        assert [offsets(chunk) for chunk in stage.chunks] == [[0], [0, 1]]
        assert stage.reader.current(stage.chunks[1])

    played(story, monkeypatch)


def test_what_is_halted_paused_or_not_followed_is_read_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(stage: Stage) -> None:
        stage.reader.begin(A, 0)
        stage.reader.begin(B, 0)
        await stage.asked()
        await stage.answer(part(A, 0, 1))
        stage.reader.halt(A)
        assert (await stage.answer(part(A, 1, 1)))["forgotten"] == ["a"]
        assert len(stage.chunks) == 1 and stage.reader.current(stage.chunks[0]), "what was handed out stays good"
        stage.reader.follow([A])
        stage.reader.pause(A)
        assert not stage.reader.current(stage.chunks[0])
        assert (list(stage.reader.assignment()), stage.reader.reach(A)) == ([A], None)
        stage.reader.begin(A, 1)
        assert await stage.answer(part(B, 0, 1)) == {"offsets": {"a": 1}, "forgotten": ["b"], "epoch": 3}
        assert len(stage.chunks) == 1

    played(story, monkeypatch)


@pytest.mark.parametrize("lost", [KafkaConnectionError("gone"), TimeoutError(), SESSION_GONE])
def test_a_session_that_is_lost_begins_again_with_all_that_is_wanted(
    lost: int | BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(stage: Stage) -> None:
        stage.reader.begin(A, 3)
        stage.reader.begin(B, 0)
        await stage.asked()
        await stage.answer(part(A, 3, 2))
        assert await stage.answer(lost) == {"offsets": {"a": 5, "b": 0}, "forgotten": [], "epoch": 0}
        await stage.answer(part(A, 5, 1))
        assert [offsets(chunk) for chunk in stage.chunks] == [[3, 4], [5]]

    played(story, monkeypatch)


def test_errors_of_a_partition_are_told_with_it_and_hold_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(stage: Stage) -> None:
        stage.reader.begin(A, 3)
        stage.reader.begin(B, 0)
        await stage.asked()
        await stage.answer(part(A, error=NOT_LEADER), part(B, 0, 1))
        assert not stage.errors and len(stage.chunks) == 1, "that passes"
        stage.reader.release(stage.chunks[0])
        await stage.answer(part(A, error=OUT_OF_RANGE), part(B, 1, 1))
        (error,) = stage.errors
        assert isinstance(error, OffsetOutOfRangeError) and list(error.args[0].values()) == [3]
        for chunk in stage.chunks:
            stage.reader.release(chunk)
        stage.reader.begin(A, 0)
        await stage.answer()
        await stage.answer(part(A, error=DENIED))
        assert isinstance(stage.errors[-1], TopicAuthorizationFailedError) and stage.errors[-1].args == (A.topic,)
        stage.reader.begin(A, 0)
        await stage.answer()
        bad = bytearray(batch([record(0, b"v")]))
        bad[-1] ^= 1
        await stage.answer(part(A, content=memoryview(bytes(bad))))
        assert isinstance(stage.errors[-1], UnreadableRecord) and stage.errors[-1].offset == 0
        assert [offsets(chunk) for chunk in stage.chunks] == [[0], [1]]

    played(story, monkeypatch)


def test_a_partition_follows_its_leader_and_the_topic_that_its_lane_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(stage: Stage) -> None:
        monkeypatch.setitem(IDS, B, "")
        stage.reader.begin(A, 0)
        stage.reader.begin(B, 0)
        assert (await stage.asked())["offsets"] == {"a": 0}, "which topic is meant is not known of the other"
        monkeypatch.setitem(IDS, B, "cc" * 16)
        stage.reader.place({A: 2, B: 1})
        asked = {2: (await asyncio.wait_for(stage.client.asked.get(), PATIENCE))[1]}
        for _ in "12":
            stage.client.answers.put_nowait([])
        asked[1] = next(each for node, each in [await stage.client.asked.get() for _ in "12"] if node == 1)
        assert (asked[1].places, asked[1].forgotten) == ([(place(B), 0)], [(bytes.fromhex(IDS[A]), 0)])
        assert (asked[2].places, asked[2].epoch) == ([(place(A), 0)], 0)

    played(story, monkeypatch)


def test_a_bug_in_reading_is_told_and_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        stage = Stage()
        stage.reader.begin(A, 0)
        await stage.asked()
        stage.client.answers.put_nowait(ZeroDivisionError())
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(stage.reader.failed, PATIENCE)
        await stage.reader.close()

    asyncio.run(story())
