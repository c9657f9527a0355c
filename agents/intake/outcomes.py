"""Counts the source records that the intake decides, once the offset behind them is committed.

Records that are not committed are read again, after a failure or by the next owner, and counted then. So a record is
counted once however often it is read, unless its worker dies between the commit and the count.
"""

from collections import Counter, deque

from agents.metrics.metrics import Metrics
from schemas.reasons import DeadReason

#: (outcome, reason of a dead letter or "") -> records.
Outcomes = Counter[tuple[str, str]]


class SourceOutcomes:
    """Outcomes of one source partition: of the current chunk, and of handled chunks that are not committed."""

    def __init__(self, metrics: Metrics, kind: str) -> None:
        self._metrics = metrics
        self._kind = kind
        self._chunk: Outcomes = Counter()
        self._handled: deque[tuple[int, Outcomes]] = deque()

    def begin(self) -> None:
        """Begin a chunk: forget the outcomes of an earlier try of it."""
        self._chunk.clear()

    def add(self, outcome: str, records: int = 1, reason: DeadReason | None = None) -> None:
        """Note the outcome of records of the current chunk."""
        if records:
            self._chunk[outcome, "" if reason is None else reason.value] += records

    def handled(self, position: int) -> None:
        """The chunk is handled: every record before `position` is."""
        if self._chunk:
            self._handled.append((position, self._chunk))
            self._chunk = Counter()

    def committed(self, offset: int) -> None:
        """Count the records handled before a committed offset."""
        while self._handled and self._handled[0][0] <= offset:
            for (outcome, reason), records in self._handled.popleft()[1].items():
                self._metrics.count(self._kind, outcome, records)
                if reason:
                    self._metrics.dead(reason, records)

    def read_again(self, offset: int) -> None:
        """Reading resumes at a committed offset: forget the outcomes behind it, which are read again."""
        self.committed(offset)
        self._chunk.clear()
        self._handled.clear()
