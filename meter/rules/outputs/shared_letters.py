"""One dead letter for many bad records of a source partition: their reasons, count and offsets.

Records, bytes and ranges of a letter are limited, so that a redrive needs little memory and the letter stays small.
"""

from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from meter.rules.billing_days import time_text
from schemas.dead_letters import DeadLetter
from schemas.reasons import DeadReason

#: At most this many records and bytes share one letter: a redrive holds them in memory.
SUMMED_RECORDS = 10_000
SUMMED_BYTES = 8 << 20
#: At most this many runs of offsets without a gap; the letter lists them.
SUMMED_RANGES = 500


class Summary:
    """Collects bad records that share a letter."""

    def __init__(self, topic: str, partition: int, at_us: int, error: str) -> None:
        self.topic, self.partition, self.at_us, self.error = topic, partition, at_us, error
        self.reasons: Counter[DeadReason] = Counter()
        self.records = 0
        self.ranges: list[list[int]] = []
        #: Of all values, concatenated; None once a value is unknown.
        self._sha256: Any = sha256()
        self._bytes = 0

    @property
    def full(self) -> bool:
        return self.records >= SUMMED_RECORDS or self._bytes >= SUMMED_BYTES or len(self.ranges) >= SUMMED_RANGES

    def add(self, offset: int, value: bytes | None, size: int, reason: DeadReason) -> None:
        """Add a record of `size` bytes with its key and headers; `value` is None if it is unknown."""
        self.records += 1
        self.reasons[reason] += 1
        self._bytes += size
        if value is None:
            self._sha256 = None
        elif value and self._sha256 is not None:
            self._sha256.update(value)
        if self.ranges and self.ranges[-1][1] == offset - 1:
            self.ranges[-1][1] = offset
        else:
            self.ranges.append([offset, offset])

    def letter(self) -> DeadLetter:
        values_sha256 = None if self._sha256 is None else self._sha256.hexdigest()
        return summary_letter(
            self.reasons, self.error, self.topic, self.partition, self.ranges, self.at_us, values_sha256
        )


def summary_letter(
    reasons: Mapping[DeadReason, int],
    error: str,
    topic: str,
    partition: int,
    ranges: list[list[int]],
    at_us: int,
    values_sha256: str | None,
) -> DeadLetter:
    """The shared letter; `error`: the first record's, `ranges`: first and last offset of each run of records."""
    counts = sorted(reasons.items(), key=lambda each: (-each[1], list(DeadReason).index(each[0])))
    total, first, last = sum(reasons.values()), ranges[0][0], ranges[-1][1]
    by_reason = ", ".join(f"{reason} {count}" for reason, count in counts)
    return DeadLetter.model_construct(
        reason=counts[0][0],
        error=f"{total} bad records in {topic}/{partition}, {first} to {last}, share this letter: {by_reason}; "
        f"the first: {error}",
        topic=topic,
        partition=partition,
        offset=first,
        last_offset=last,
        records=total,
        reasons=dict(counts),
        ranges=ranges,
        sha256=values_sha256,
        headers=[],
        at=time_text(at_us),
    )
