"""The dead letters of one source partition: a letter for each bad record, within limits.

A source partition gets `LETTERS_AT_ONCE` letters, and `LETTERS_A_SECOND` more for each second of its records' Kafka
time. Further bad records share letters with their reasons, counts and offsets (`meter.rules.outputs.shared_letters`).
Every letter is acknowledged before the offset behind it is committed.
"""

from typing import Any

from agents.intake.dead_records import oversized_letter
from agents.intake.usage_reader import headers_bytes
from meter.rules.outputs.dead_letters import dead_letter
from meter.rules.outputs.shared_letters import Summary
from schemas.dead_letters import VALUE_LIMIT_BYTES, DeadLetter
from schemas.reasons import DeadReason

#: Enough for ordinary mistakes: up to some thousands of bad records get a letter each.
LETTERS_AT_ONCE = 5_000
LETTERS_A_SECOND = 100
#: A letter counts as one for each LETTER_BYTES; bytes that it cuts off do not count.
LETTER_BYTES, LONGEST_LETTER_BYTES = 4_096, 3 * VALUE_LIMIT_BYTES


class Allowance:
    """How many more letters a source partition gets: a token bucket that fills with Kafka's time."""

    def __init__(self) -> None:
        self._left = float(LETTERS_AT_ONCE)
        self._at_ms = 0

    def take(self, at_ms: int, size: int) -> bool:
        """Whether a record of about `size` bytes, received at `at_ms`, gets a letter of its own; if so, take it."""
        if at_ms > self._at_ms:
            passed = (at_ms - self._at_ms) / 1000 if self._at_ms else 0.0
            self._left = min(float(LETTERS_AT_ONCE), self._left + passed * LETTERS_A_SECOND)
            self._at_ms = at_ms
        price = 1 + min(size, LONGEST_LETTER_BYTES) // LETTER_BYTES
        if self._left < price:
            return False
        self._left -= price
        return True


class Letters:
    """The letters of one lane: one for a bad record while the allowance lasts, else one shared by many."""

    def __init__(self, topic: str, partition: int) -> None:
        self._topic, self._partition = topic, partition
        self._allowance = Allowance()
        self._summary: Summary | None = None

    def begin(self) -> None:
        """Begin a chunk: forget the shared letter of an earlier try of it."""
        self._summary = None

    def of(self, record: Any, received_ms: int, reason: DeadReason, error: str) -> DeadLetter | None:
        """The letter of a bad record, or the shared letter that it fills; None while that has room."""
        about = getattr(record, "oversized", None)
        if about is not None and (about.records > 1 or self.single(len(about.value or b""), received_ms)):
            return oversized_letter(self._topic, self._partition, record, received_ms * 1000, reason, error)
        value = record.raw if getattr(record, "torn", "") else record.value
        if about is not None:
            return self.sum_up(record.offset, value, 0, received_ms, reason, error)
        size = len(value) + len(record.key or b"") + headers_bytes(record.headers)
        if not self.single(size, received_ms):
            return self.sum_up(record.offset, value, size, received_ms, reason, error)
        at_us, place = received_ms * 1000, (self._topic, self._partition, record.offset)
        return dead_letter(reason, error, *place, record.key, value, record.headers, at_us)

    def single(self, size: int, received_ms: int) -> bool:
        """Whether a bad record of `size` bytes gets a letter of its own."""
        return self._allowance.take(received_ms, size)

    def sum_up(
        self, offset: int, value: bytes, size: int, received_ms: int, reason: DeadReason, error: str
    ) -> DeadLetter | None:
        """Add a bad record to the shared letter; returns that letter if it is full."""
        summary = self._summary
        if summary is None:
            summary = self._summary = Summary(self._topic, self._partition, received_ms * 1000, error)
        summary.add(offset, value, size, reason)
        return self.finish() if summary.full else None

    def finish(self) -> DeadLetter | None:
        """The shared letter so far, if it has any record."""
        summary, self._summary = self._summary, None
        return None if summary is None else summary.letter()
