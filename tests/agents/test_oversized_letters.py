"""What a record too large to be held becomes: a letter with all that is known, which is not sent again."""

from agents.intake.dead_records import why_dead
from agents.intake.letter_allowance import Letters
from meter.batch.large_records import Oversized
from meter.batch.patches.lenient_batch import LenientRecord
from meter.commands.redrive import sendable
from schemas.dead_letters import DeadLetter
from schemas.reasons import DeadReason

TOPICS = frozenset({"usage"})


def record(about: Oversized, torn: str = "") -> LenientRecord:
    return LenientRecord(9, 1_000, 1, b"key", b"", (), torn, oversized=about)


def letter_of(about: Oversized, torn: str = "") -> DeadLetter:
    read = record(about, torn)
    reason, error, records = why_dead(read, DeadReason.NOT_JSON, "expected value")
    assert records == about.records
    letter = Letters("usage", 3).of(read, 1_000, reason, error)
    assert letter is not None
    return DeadLetter.model_validate_json(letter.json_bytes())


def test_one_record_has_its_values_beginning_length_and_hash_and_is_not_sent_again() -> None:
    about = Oversized("the record alone takes 9000020 bytes", 9, 1, b"begin", 9_000_000, "0f" * 32, 2)
    letter = letter_of(about)
    assert (letter.reason, letter.record_key(), letter.last_offset) == (DeadReason.TOO_LARGE, "usage/3/9", None)
    assert (letter.key, letter.value, letter.length) == ("a2V5", "YmVnaW4=", 9_000_000)
    assert (letter.sha256, letter.headers_left_out) == ("0f" * 32, 2)
    assert "9000020 bytes" in letter.error
    assert "at most 1048576 are sent again" in str(sendable(letter, TOPICS))


def test_a_range_has_its_offsets_and_is_not_sent_again() -> None:
    letter = letter_of(Oversized("the batch of offsets 4 to 9 takes 29000 bytes as zstd", 5, 5))
    assert (letter.reason, letter.offset, letter.last_offset) == (DeadReason.TOO_LARGE, 5, 9)
    assert (letter.value, letter.length, letter.records) == (None, None, None)
    assert "the records 5 to 9" in str(sendable(letter, TOPICS))


def test_what_breaks_in_the_middle_is_no_json() -> None:
    letter = letter_of(Oversized("it ends in the middle", 5, 5), torn="it ends in the middle")
    assert (letter.reason, letter.last_offset) == (DeadReason.NOT_JSON, 9)


def test_a_flood_of_them_is_summed_up_like_any_other() -> None:
    letters = Letters("usage", 3)
    about = Oversized("the record alone takes 9000020 bytes", 9, 1, bytes(16_384), 9_000_000, "0f" * 32)
    made = [letters.of(record(about), 1_000, DeadReason.TOO_LARGE, "too large") for _ in range(6_000)]
    collected = [letter for letter in (*made, letters.finish()) if letter is not None]
    assert sum(letter.records or 1 for letter in collected) == 6_000
    assert len(collected) < 2_000
