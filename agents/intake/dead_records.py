"""Dead letters of records that were not read normally: torn (their own lengths contradict each other) or too large."""

from typing import Any

from meter.rules.outputs.dead_letters import dead_letter
from schemas.dead_letters import DeadLetter
from schemas.reasons import LAW, DeadReason


def why_dead(record: Any, reason: DeadReason, error: str) -> tuple[DeadReason, str, int]:
    """Reason, error and count of a bad record; a record may stand for a range of several.

    A torn or oversized record has no value that the lane could judge, so its reason replaces the one given.
    """
    torn, about = getattr(record, "torn", ""), getattr(record, "oversized", None)
    if about is not None:
        reason = DeadReason.NOT_JSON if torn else DeadReason.TOO_LARGE
        return reason, f"{LAW[reason]}: {about.why}", about.records
    if torn:
        return DeadReason.NOT_JSON, f"the producer's own lengths tear the record: {torn}", 1
    return reason, error, 1


def oversized_letter(topic: str, partition: int, record: Any, at_us: int, reason: DeadReason, error: str) -> DeadLetter:
    """The letter of an oversized record that was skipped, or of the range that it stands for."""
    about = record.oversized
    letter = dead_letter(reason, error, topic, partition, about.first, record.key, about.value, (), at_us)
    return letter.model_copy(
        update={
            "length": about.length,
            "sha256": about.digest,
            "headers_left_out": about.headers or None,
            "last_offset": record.offset if about.first < record.offset else None,
        }
    )
