"""Counts the source records that the intake itself decides, once the offset behind them is committed.

Uncommitted records are read again, after a failure or by the next owner, and count then. So a record counts once,
however often it is read, unless its worker dies between the commit and the count.
"""

from collections import Counter, deque

from agents.metrics.metrics import Metrics
from schemas.reasons import DeadReason

#: Outcome, and the reason of a dead letter (else nothing) -> records.
Outcomes = Counter[tuple[str, str]]


class SourceOutcomes:
    """Outcomes of one source partition: of the chunk in hand, and of handled chunks that are not committed."""

    def __init__(self, metrics: Metrics, kind: str) -> None:
        self._metrics = metrics
        self._kind = kind
        self._in_hand: Outcomes = Counter()
        self._handled: deque[tuple[int, Outcomes]] = deque()

    def begin(self) -> None:
        """A chunk begins; what an earlier try of it had decided is void."""
        self._in_hand.clear()

    def add(self, outcome: str, records: int = 1, reason: DeadReason | None = None) -> None:
        """Records of the chunk in hand have an outcome."""
        if records:
            self._in_hand[outcome, "" if reason is None else reason.value] += records

    def handled(self, position: int) -> None:
        """The chunk is handled: all before `position` is."""
        if self._in_hand:
            self._handled.append((position, self._in_hand))
            self._in_hand = Counter()

    def committed(self, offset: int) -> None:
        """Count what is handled before a committed offset."""
        while self._handled and self._handled[0][0] <= offset:
            for (outcome, reason), records in self._handled.popleft()[1].items():
                self._metrics.count(self._kind, outcome, records)
                if reason:
                    self._metrics.dead(reason, records)

    def read_again(self, offset: int) -> None:
        """Reading goes on at a committed offset: what was handled behind it is read, and counts, again."""
        self.committed(offset)
        self._in_hand.clear()
        self._handled.clear()
