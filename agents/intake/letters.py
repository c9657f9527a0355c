"""The dead letters of one source partition: a letter for each bad record, within limits.

A source partition gets `LETTERS_AT_ONCE` letters, and `LETTERS_A_SECOND` more for each second of its records' Kafka
time. Further bad records share letters with their reasons, counts and offsets (`meter.rules.outputs.summaries`). Every
letter is acknowledged before the offset behind it is committed.
"""

from typing import Any

from agents.intake.dead_records import oversized_letter
from agents.intake.usage_reader import headers_bytes
from meter.rules.outputs.dead_letters import dead_letter
from meter.rules.outputs.summaries import Summary
from schemas.dead_letters import VALUE_LIMIT_BYTES, DeadLetter
from schemas.reasons import DeadReason

#: Ordinary mistakes, some thousands of records, each have a letter of their own.
LETTERS_AT_ONCE = 5_000
LETTERS_A_SECOND = 100
#: A longer letter counts as several of so many bytes; what a letter cuts off does not count.
LETTER_BYTES, LONGEST_LETTER_BYTES = 4_096, 3 * VALUE_LIMIT_BYTES


class Allowance:
    """How many more letters a source partition gets: a bucket that fills as Kafka's time passes."""

    def __init__(self) -> None:
        self._left = float(LETTERS_AT_ONCE)
        self._at_ms = 0

    def take(self, at_ms: int, size: int) -> bool:
        """Whether a record of about `size` bytes, received then, gets a letter of its own."""
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
    """What a lane asks: may this record have a letter, and what is there to be summed up."""

    def __init__(self, topic: str, partition: int) -> None:
        self._topic, self._partition = topic, partition
        self._allowance = Allowance()
        self._summary: Summary | None = None

    def begin(self) -> None:
        """A chunk begins; what an earlier try of it had summed up is void."""
        self._summary = None

    def of(self, record: Any, received_ms: int, reason: DeadReason, error: str) -> DeadLetter | None:
        """The letter of a bad record, or the one of many that this record fills; None while that has room."""
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
        """Whether a bad record of so many bytes gets a letter of its own."""
        return self._allowance.take(received_ms, size)

    def sum_up(
        self, offset: int, value: bytes, size: int, received_ms: int, reason: DeadReason, error: str
    ) -> DeadLetter | None:
        """Sum a bad record up; the letter, if that is full."""
        summary = self._summary
        if summary is None:
            summary = self._summary = Summary(self._topic, self._partition, received_ms * 1000, error)
        summary.add(offset, value, size, reason)
        return self.finish() if summary.full else None

    def finish(self) -> DeadLetter | None:
        """The letter of what was summed up so far, if anything."""
        summary, self._summary = self._summary, None
        return None if summary is None else summary.letter()
