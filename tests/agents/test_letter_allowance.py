"""A flood of bad records: some thousands have a letter each, the others share letters that name every one of them."""

import asyncio
from hashlib import sha256
from types import SimpleNamespace
from typing import Any

from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from agents.intake.letter_allowance import LETTERS_A_SECOND, LETTERS_AT_ONCE, Letters
from agents.intake.usage_lane import UsageLane
from meter.batch.chunks import Chunk
from meter.rules.outputs.shared_letters import SUMMED_BYTES, SUMMED_RANGES, SUMMED_RECORDS
from schemas.dead_letters import DeadLetter
from schemas.reasons import DeadReason
from tests.agents.test_early_usage import MIDNIGHT_MS
from tests.agents.test_early_usage import Intake as EarlyIntake

#: When Kafka had the flood.
AT_MS = MIDNIGHT_MS - 3_600_000


def record(offset: int, value: bytes | None = b"", at_ms: int = AT_MS) -> Any:
    return SimpleNamespace(offset=offset, timestamp=at_ms, key=None, headers=(), value=value)


class Intake(EarlyIntake):
    """Keeps the letters, as they are published, and acknowledges each at once."""

    def __init__(self) -> None:
        super().__init__()
        self.letters: list[DeadLetter] = []

    async def bury(self, letter: DeadLetter) -> Any:
        self.letters.append(DeadLetter.model_validate_json(letter.json_bytes()))
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done


def handled(*chunks: list[Any]) -> list[DeadLetter]:
    """The letters of a lane that handles chunks."""
    intake: Any = Intake()
    lane = UsageLane(None, TP("usage", 0), intake)

    async def scenario() -> None:
        for records in chunks:
            await lane.handle(Chunk(lane.tp, records, records[-1].offset + 1, 1))

    asyncio.run(scenario())
    found: list[DeadLetter] = intake.letters
    return found


def places(letters: list[DeadLetter]) -> list[int]:
    """The offsets that letters stand for, each as often as it is told."""
    found = []
    for letter in letters:
        found += [
            offset
            for first, last in letter.ranges or [[letter.offset, letter.offset]]
            for offset in range(first, last + 1)
        ]
    return sorted(found)


def test_an_ordinary_mistake_has_a_letter_for_each_record() -> None:
    letters = handled([record(offset) for offset in range(LETTERS_AT_ONCE)])
    assert len(letters) == LETTERS_AT_ONCE
    assert not any(letter.records for letter in letters)


def test_of_a_flood_every_record_is_reported_once_in_few_letters() -> None:
    flood = LETTERS_AT_ONCE + 2 * SUMMED_RECORDS + 7
    letters = handled([record(offset) for offset in range(flood)])
    assert places(letters) == list(range(flood))
    summaries = [letter for letter in letters if letter.records]
    assert [letter.records for letter in summaries] == [SUMMED_RECORDS, SUMMED_RECORDS, 7]
    assert len(letters) == LETTERS_AT_ONCE + 3
    first = summaries[0]
    assert (first.offset, first.last_offset) == (LETTERS_AT_ONCE, LETTERS_AT_ONCE + SUMMED_RECORDS - 1)
    assert first.record_key() == f"usage/0/{LETTERS_AT_ONCE}"
    assert first.error.startswith("10000 bad records in usage/0, 5000 to 14999, share this letter: not_json 10000; ")


def test_a_summary_gives_reasons_runs_and_what_the_values_were() -> None:
    used_up = [record(offset) for offset in range(LETTERS_AT_ONCE)]
    values = [b"x", b"{}", None, b"y", b"z", b'{"a":1}']
    more = [record(LETTERS_AT_ONCE + number, value) for number, value in enumerate(values)]
    summary = handled(used_up, more)[-1]
    start = LETTERS_AT_ONCE
    assert summary.reasons == {DeadReason.NOT_JSON: 3, DeadReason.NOT_A_CLOUD_EVENT: 2}
    assert (summary.reason, summary.records) == (DeadReason.NOT_JSON, 5)
    assert summary.ranges == [[start, start + 1], [start + 3, start + 5]]
    assert summary.sha256 == sha256(b"".join(value for value in values if value)).hexdigest()


def test_with_kafkas_time_records_have_letters_again() -> None:
    flood = [record(offset) for offset in range(LETTERS_AT_ONCE + 1)]
    later = [record(LETTERS_AT_ONCE + 1 + number, at_ms=AT_MS + 1_000) for number in range(LETTERS_A_SECOND + 1)]
    letters = handled(flood, later)
    assert [letter.records for letter in letters if letter.records] == [1, 1]
    assert places(letters) == list(range(len(flood) + len(later)))


def test_long_records_use_the_letters_up_sooner() -> None:
    letters = handled([record(offset, b"x" * 16_384) for offset in range(LETTERS_AT_ONCE // 4)])
    assert sum(len(letter.json_bytes()) for letter in letters) < 2 * LETTERS_AT_ONCE * 4_096
    assert places(letters) == list(range(LETTERS_AT_ONCE // 4))


def test_each_summary_is_bounded_by_records_bytes_and_runs() -> None:
    letters = Letters("usage", 0)
    size = SUMMED_BYTES // 4
    full = [letters.sum_up(offset, b"x" * size, size, AT_MS, DeadReason.NOT_JSON, "…") for offset in range(5)]
    assert [letter is not None for letter in full] == [False, False, False, True, False]
    letters.begin()
    full = [
        letters.sum_up(2 * offset, b"", 0, AT_MS, DeadReason.NOT_JSON, "…") for offset in range(2 * SUMMED_RANGES + 1)
    ]
    assert sum(letter is not None for letter in full) == 2
    assert max(len(letter.json_bytes()) for letter in full if letter) < 16_384


@given(
    st.lists(st.tuples(st.sampled_from([b"", b"x", b"{}", None]), st.integers(0, 3_000)), min_size=1, max_size=60),
    st.integers(0, 30),
)
def test_whatever_comes_every_bad_record_is_reported_exactly_once(
    expected: list[tuple[bytes | None, int]], left: int
) -> None:
    """With a bucket that is nearly empty, records of any kinds, and any time between them."""
    used_up = [record(offset) for offset in range(LETTERS_AT_ONCE - left)]
    records, at_ms, offset = [], AT_MS, len(used_up)
    for value, passed_ms in expected:
        at_ms, offset = at_ms + passed_ms, offset + 1 + passed_ms % 2
        records.append(record(offset, value, at_ms))
    intake: Any = Intake()
    lane = UsageLane(None, TP("usage", 0), intake)
    for _ in used_up:
        lane.letters.single(0, AT_MS)
    asyncio.run(lane.handle(Chunk(lane.tp, records, offset + 1, 1)))
    assert places(intake.letters) == [each.offset for each in records if each.value is not None]
    for letter in intake.letters:
        if letter.records:
            assert sum(letter.reasons.values()) == letter.records == len(places([letter]))
            assert (letter.offset, letter.last_offset) == (letter.ranges[0][0], letter.ranges[-1][1])
