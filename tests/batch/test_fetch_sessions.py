"""Fetch sessions: what is sent is what Kafka documents, and a broker reads what is wanted, whatever got lost."""

from io import BytesIO
from typing import Any

from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.types import (
    CompactArray,
    CompactBytes,
    CompactString,
    Int8,
    Int16,
    Int32,
    Int64,
    Schema,
    TaggedFields,
    UnsignedVarInt32,
)
from hypothesis import given
from hypothesis import strategies as st

from meter.batch.sessions.requests import Asked, Fetch, FetchAnswer, Limits, Place, _Question
from meter.batch.sessions.session import Session
from meter.kafka.topic_ids import Uuid

#: Errors of a session (not found, another epoch expected), and one of the whole request.
NOT_FOUND, WRONG_EPOCH, UNKNOWN_SERVER_ERROR = 70, 71, -1
PLACES: list[Place] = [(bytes([number]) * 16, number % 2) for number in range(5)]
OFFSETS = st.integers(0, 2**63 - 1)


class Tags(AbstractType[dict[int, bytes]]):
    """Tagged fields as Kafka writes them: aiokafka leaves out their sizes."""

    @classmethod
    def encode(cls, value: dict[int, bytes]) -> bytes:
        size = UnsignedVarInt32.encode
        written: bytes = size(len(value)) + b"".join(size(tag) + size(len(each)) + each for tag, each in value.items())
        return written


REQUEST = Schema(
    ("replica", Int32),
    ("wait_ms", Int32),
    ("least_bytes", Int32),
    ("most_bytes", Int32),
    ("isolation", Int8),
    ("session", Int32),
    ("epoch", Int32),
    (
        "topics",
        CompactArray(
            ("topic", Uuid),
            (
                "partitions",
                CompactArray(
                    ("partition", Int32),
                    ("leader_epoch", Int32),
                    ("offset", Int64),
                    ("last_epoch", Int32),
                    ("log_start", Int64),
                    ("bytes", Int32),
                    ("tags", TaggedFields),
                ),
            ),
            ("tags", TaggedFields),
        ),
    ),
    ("forgotten", CompactArray(("topic", Uuid), ("partitions", CompactArray(Int32)), ("tags", TaggedFields))),
    ("rack", CompactString("utf-8")),
    ("tags", TaggedFields),
)
RESPONSE = Schema(
    ("throttle_ms", Int32),
    ("error", Int16),
    ("session", Int32),
    (
        "topics",
        CompactArray(
            ("topic", Uuid),
            (
                "partitions",
                CompactArray(
                    ("partition", Int32),
                    ("error", Int16),
                    ("highwater", Int64),
                    ("stable", Int64),
                    ("log_start", Int64),
                    ("aborted", CompactArray(("producer", Int64), ("first", Int64), ("tags", Tags))),
                    ("replica", Int32),
                    ("records", CompactBytes),
                    ("tags", Tags),
                ),
            ),
            ("tags", Tags),
        ),
    ),
    ("tags", Tags),
)
places = st.tuples(st.binary(min_size=16, max_size=16), st.integers(0, 2**31 - 1))
tags = st.dictionaries(st.integers(0, 300), st.binary(max_size=200), max_size=3)


@given(st.integers(0, 99), st.integers(0, 99), st.lists(st.tuples(places, OFFSETS), max_size=200), st.lists(places))
def test_a_request_is_what_kafka_documents(
    session: int, epoch: int, asked: list[tuple[Place, int]], forgotten: list[Place]
) -> None:
    request = Fetch(Asked(session, epoch, asked, forgotten), Limits(7, 1, 1 << 24, 1 << 20)).build(_Question)
    data = BytesIO(request.encode())
    read: Any = REQUEST.decode(data)
    assert not data.read(), "nothing is left"
    assert read[:7] == (-1, 7, 1, 1 << 24, 1, session, epoch)
    assert [((topic, each[0]), each[2]) for topic, partitions, _ in read[7] for each in partitions] == asked
    assert all(each[1::2] == (-1, -1, 1 << 20) for _, partitions, _ in read[7] for each in partitions)
    assert [(topic, partition) for topic, partitions, _ in read[8] for partition in partitions] == forgotten
    assert read[9:] == ("", {})


@st.composite
def answered(draw: st.DrawFn) -> tuple[Any, ...]:
    """What an answer says, in the order of `RESPONSE`."""
    aborted = st.lists(st.tuples(OFFSETS, OFFSETS, tags), max_size=2) | st.none()
    content = st.binary(max_size=300) | st.none()
    part = st.tuples(
        st.integers(0, 9), st.integers(-1, 110), OFFSETS, OFFSETS, OFFSETS, aborted, st.just(-1), content, tags
    )
    topics = st.lists(st.tuples(st.binary(min_size=16, max_size=16), st.lists(part, max_size=3), tags), max_size=3)
    return (0, draw(st.integers(-1, 110)), draw(st.integers(0, 2**31 - 1)), draw(topics), draw(tags))


@given(answered())
def test_an_answer_is_read_as_kafka_documents(told: tuple[Any, ...]) -> None:
    answer = FetchAnswer.decode(BytesIO(RESPONSE.encode(told)))
    assert (answer.error_code, answer.session) == told[1:3]
    wanted = [
        ((topic, each[0]), each[1], each[2], each[3], [pair[:2] for pair in each[5] or ()], each[7] or b"")
        for topic, partitions, _ in told[3]
        for each in partitions
    ]
    assert [(*part[:5], bytes(part.content)) for part in answer.parts] == wanted


class Broker:
    """What a broker keeps of one client's sessions, as KIP-227 has it."""

    def __init__(self) -> None:
        self.sessions: dict[int, tuple[int, dict[Place, int]]] = {}
        self.made = 0

    def answer(self, asked: Asked, *, keeps: bool) -> FetchAnswer:
        answer = FetchAnswer()
        answer.error_code, answer.session, answer.parts = 0, 0, []
        if asked.epoch == 0:
            self.sessions.pop(asked.session, None)
            if keeps:
                self.made += 1
                self.sessions[self.made] = (1, dict(asked.places))
                answer.session = self.made
            return answer
        if asked.session not in self.sessions:
            answer.error_code = NOT_FOUND
            return answer
        epoch, places = self.sessions[asked.session]
        if epoch != asked.epoch:
            answer.error_code = WRONG_EPOCH
            return answer
        for place in asked.forgotten:
            del places[place]
        places.update(asked.places)
        self.sessions[asked.session] = (epoch + 1, places)
        answer.session = asked.session
        return answer


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("want"), st.integers(0, 4), st.integers(0, 9)),
        st.tuples(st.just("leave"), st.integers(0, 4), st.just(0)),
        st.tuples(
            st.sampled_from(("fetch", "fetch", "unkept", "lost-request", "lost-answer", "evicted", "failed")),
            st.just(0),
            st.just(0),
        ),
    ),
    max_size=40,
)


@given(STEPS)
def test_a_broker_reads_what_is_wanted_whatever_got_lost(steps: list[tuple[str, int, int]]) -> None:
    session, broker, wanted = Session(), Broker(), dict[Place, int]()
    for step, number, offset in [*steps, ("fetch", 0, 0), ("fetch", 0, 0), ("fetch", 0, 0)]:
        if step == "want":
            wanted[PLACES[number]] = offset
            session.want(PLACES[number], offset)
        elif step == "leave":
            wanted.pop(PLACES[number], None)
            session.leave(PLACES[number])
        elif step == "evicted":
            broker.sessions.clear()
        elif step == "lost-request":
            session.next()
            session.lost()
        elif step == "failed":
            session.next()
            answer = FetchAnswer()
            answer.error_code, answer.session, answer.parts = UNKNOWN_SERVER_ERROR, 0, []
            assert not session.answered(answer)
        else:
            asked = session.next()
            answer = broker.answer(asked, keeps=step != "unkept")
            if step == "lost-answer":
                session.lost()
            elif session.answered(answer) and answer.session:
                assert broker.sessions[answer.session][1] == wanted
                assert {place: session.asked(place) for place in wanted} == wanted
    assert len(session) == len(wanted)
    assert len(broker.sessions) <= 1 or any(step == "lost-answer" for step, _, _ in steps), (
        "a new one ends the one before"
    )
    assert wanted in [places for _, places in broker.sessions.values()], "in the end it is what it should be"


def test_only_what_changed_is_named() -> None:
    session, broker = Session(), Broker()
    for place in PLACES:
        session.want(place, 0)
    assert session.answered(broker.answer(session.next(), keeps=True))
    assert session.next() == Asked(1, 1, [], [])
    session.answered(broker.answer(Asked(1, 1, [], []), keeps=True))
    session.want(PLACES[2], 7)
    session.want(PLACES[3], 0)
    session.leave(PLACES[4])
    assert session.next() == Asked(1, 2, [(PLACES[2], 7)], [PLACES[4]])
