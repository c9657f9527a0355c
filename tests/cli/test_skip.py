"""`meter skip`: what it refuses to order, and what it says of an order; taking it is end to end."""

import asyncio

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import (
    CorruptRecordException,
    KafkaConnectionError,
    KafkaTimeoutError,
    NotLeaderForPartitionError,
    TopicAuthorizationFailedError,
)

from agents.intake.marks import Mark, metadata
from agents.intake.skips import lost
from meter.batch.unopened import UnreadableRecord
from meter.cli.skip import written_lines
from meter.commands import skip as skip_module
from meter.commands.skip import PartitionStatus, _readable, refusal
from meter.kafka.commit_metadata import is_aside
from schemas.control import Skip, control_from_json
from schemas.dead_letters import DeadLetter
from tests.test_command import meter

#: Read up to 100, records up to 119 are gone.
GAP = PartitionStatus(100, "99 1 2", 120, 200)


def order(offset: int, instead_of: int = 100) -> Skip:
    return Skip(
        kind="skip",
        topic="usage",
        partition=3,
        offset=offset,
        instead_of=instead_of,
        mark="99 1 2",
        at="2026-01-31T08:00:00Z",
    )


@pytest.mark.parametrize(
    ("offset", "status", "why"),
    [
        (120, GAP, None),
        (200, GAP, None),
        (119, GAP, "usage/3 holds 120 to 200, not 119"),
        (201, GAP, "usage/3 holds 120 to 200, not 201"),
        (0, PartitionStatus(500, "", 0, 100), None),
        (0, PartitionStatus(-1, "", 0, 100), "never read"),
        (0, PartitionStatus(-1, "", 5, 100), "holds 5 to 100, not 0"),
        (5, PartitionStatus(-1, "", 5, 100), None),
        (150, PartitionStatus(150, "begun", 120, 200), "read up to 150 already"),
        (150, PartitionStatus(150, "149 1 2", 120, 200), "read up to 150 already"),
        (150, PartitionStatus(150, "149 1 2 @ab", 120, 200, "ab"), "read up to 150 already"),
        (0, PartitionStatus(0, "begun @ab", 0, 200, "cd"), None),
        (160, PartitionStatus(150, "149 1 2 @ab", 120, 200, "ab", readable=True), "nothing of usage/3 is missing"),
        (160, PartitionStatus(150, "149 1 2 @ab", 120, 200, "ab", readable=False), None),
        (160, PartitionStatus(150, "149 1 2 @ab", 120, 200, "cd", readable=True), None),
        (160, PartitionStatus(150, "aside 149 1 2", 120, 200, readable=True), None),
        (150, PartitionStatus(150, "", 120, 200), None),
        (150, PartitionStatus(150, "aside foreign", 120, 200), None),
    ],
)
def test_what_is_ordered_and_what_is_not(offset: int, status: PartitionStatus, why: str | None) -> None:
    refused = refusal("usage", 3, offset, status)
    assert refused is None if why is None else why in (refused or "")


class Answering:
    """A consumer of a partition whose fetches end as scripted; nothing comes once the script is over."""

    def __init__(self, *ends: Exception | int) -> None:
        self.ends, self.at = list(ends), 0

    def assign(self, places: list[TopicPartition]) -> None:
        assert places == [PLACE]

    def seek(self, place: TopicPartition, offset: int) -> None:
        self.at = offset

    async def getmany(self, *_: TopicPartition, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[int]]:
        end = self.ends.pop(0) if self.ends else 0
        if isinstance(end, Exception):
            raise end
        self.at += end
        return {PLACE: [self.at]} if end else {}

    async def position(self, place: TopicPartition) -> int:
        return self.at


PLACE = TopicPartition("usage", 3)


def asked(*ends: Exception | int) -> bool:
    return asyncio.run(_readable(Answering(*ends), PLACE, 100, 200))


def test_only_a_batch_that_kafka_gave_and_nobody_can_read_is_unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skip_module, "READ_MS", 1)
    assert asked(1)
    assert not asked(UnreadableRecord(PLACE, 100, ValueError("its checksum")))
    assert not asked(CorruptRecordException())
    for error in (NotLeaderForPartitionError(), TopicAuthorizationFailedError("usage"), KafkaConnectionError()):
        with pytest.raises(type(error)):
            asked(error)
    with pytest.raises(KafkaTimeoutError, match="the record at 100 did not come"):
        asked()


def test_it_says_what_is_lost_and_what_could_still_be_read() -> None:
    exact = written_lines(order(120), GAP)
    assert exact[0] == "usage/3: ordered to go on at 120 instead of 100: records 100 to 119 (20) count as lost"
    assert len(exact) == 2
    assert written_lines(order(150), GAP)[1].startswith("30 of them are still there")
    assert "it is read anew from 0 on" in written_lines(order(0, 500), PartitionStatus(500, "", 0, 100))[0]


def test_the_letter_of_a_gap_names_its_range() -> None:
    letter = lost(order(120), 0)
    assert (letter.record_key(), letter.last_offset) == ("usage/3/100", 119)
    assert "20 records, 100 to 119, were not read" in letter.error
    assert DeadLetter.model_validate_json(letter.json_bytes()).reason == "records_lost"
    assert lost(order(0, 500), 0).last_offset is None


def test_an_order_is_read_back() -> None:
    assert control_from_json(order(120).json_bytes()) == order(120)


def test_a_mark_survives_being_set_aside() -> None:
    mark = Mark(99, 1, 2)
    assert metadata(mark) == "99 1 2"
    assert metadata(mark, aside=True) == "aside 99 1 2"
    assert metadata(None, aside=True) == "aside"
    assert [Mark.read(text) for text in ("99 1 2", "aside 99 1 2", "aside", "", "x")] == [mark, mark, None, None, None]
    assert [is_aside(text) for text in ("99 1 2", "aside 99 1 2", "aside", "")] == [False, True, True, False]


def test_only_input_topics_can_be_skipped_on() -> None:
    done = meter("skip", "overages", "0", "0", METER_BROKER="127.0.0.1:1")
    assert done.returncode == 1
    assert "meter: overages is no input topic" in done.stderr
