"""Counts what the fold of one journal partition counted, once its chunk is committed, and never twice.

If the outcome of a commit is unknown, the position with which the partition is reopened decides.
"""

import time
from collections.abc import Sequence

from agents.metrics.metrics import Metrics
from agents.metrics.publish_delay import Wait
from meter.rules.state.repeats import Repeats, Source

#: (kind, outcome) -> records.
Counts = dict[tuple[str, str], int]


class ChunkCounts:
    """The counts of a partition's chunks; `folded`: how far each source partition is folded, kept by the worker."""

    def __init__(self, metrics: Metrics, folded: dict[Source, int]) -> None:
        self._metrics = metrics
        self._folded = folded
        self.repeats = Repeats(folded)
        #: The last journal offset of a chunk that is being committed, its counts, and how long its usage waited.
        self._unsure: tuple[int, Counts, Sequence[Wait]] | None = None

    def reopened(self, last: int) -> Repeats:
        """The partition is read behind journal offset `last`: a chunk in doubt was committed, or is folded again."""
        if self._unsure is not None and last >= self._unsure[0]:
            self.committed()
        self._unsure = None
        self.repeats = Repeats(self._folded)
        return self.repeats

    def committing(self, last: int, counts: Counts, waits: Sequence[Wait] = ()) -> None:
        """A chunk up to journal offset `last` is about to be committed."""
        self._unsure = last, counts, waits

    @property
    def unsure(self) -> Counts:
        """What the chunk that is being committed counted."""
        return {} if self._unsure is None else self._unsure[1]

    def committed(self) -> None:
        """It is committed."""
        assert self._unsure is not None, "a chunk is committed after it was begun"
        (_, counts, waits), self._unsure = self._unsure, None
        self._metrics.committed(waits, time.time())
        self.repeats.commit()
        for (kind, outcome), number in counts.items():
            self._metrics.folded(kind, outcome, number)
