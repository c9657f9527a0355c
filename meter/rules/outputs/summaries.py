"""One dead letter for many bad records of a source partition: why, how many, and at which offsets.

What it sums up is bounded, so that whoever reads its records again holds little, and the letter itself stays short.
"""

from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from meter.rules.billing_days import time_text
from schemas.dead_letters import DeadLetter
from schemas.reasons import DeadReason

#: What one letter sums up at most: whoever reads its records again holds so many of them, and so many bytes.
SUMMED_RECORDS = 10_000
SUMMED_BYTES = 8 << 20
#: And runs of offsets without a gap: they stand in the letter.
SUMMED_RANGES = 500


class Summary:
    """Bad records without a letter of their own, one after the other."""

    def __init__(self, topic: str, partition: int, at_us: int, error: str) -> None:
        self.topic, self.partition, self.at_us, self.error = topic, partition, at_us, error
        self.reasons: Counter[DeadReason] = Counter()
        self.records = 0
        self.ranges: list[list[int]] = []
        #: Of the values, one after the other; None once one is not known.
        self._sha256: Any = sha256()
        self._bytes = 0

    @property
    def full(self) -> bool:
        return self.records >= SUMMED_RECORDS or self._bytes >= SUMMED_BYTES or len(self.ranges) >= SUMMED_RANGES

    def add(self, offset: int, value: bytes | None, size: int, reason: DeadReason) -> None:
        """One record more, of so many bytes with its key and headers; None: its value is not known any more."""
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
    """One letter for many bad records of a source partition; `error`: that of the first, `ranges`: their offsets."""
    counts = sorted(reasons.items(), key=lambda each: (-each[1], list(DeadReason).index(each[0])))
    total, first, last = sum(reasons.values()), ranges[0][0], ranges[-1][1]
    told = ", ".join(f"{reason} {count}" for reason, count in counts)
    return DeadLetter.model_construct(
        reason=counts[0][0],
        error=f"{total} bad records in {topic}/{partition}, {first} to {last}, share this letter: {told}; "
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
