"""Moves the fold's counts of one journal partition into the metrics: once, after the chunk is committed.

If the outcome of a commit is unknown, the position found when the partition reopens decides.
"""

import time
from collections.abc import Sequence

from agents.metrics.metrics import Metrics
from agents.metrics.publish_delay import Wait
from meter.rules.state.repeats import Repeats, Source

#: (kind, outcome) -> records.
Counts = dict[tuple[str, str], int]


class ChunkCounts:
    """The counts of a partition's chunks; `folded`: the last offset folded of each source, kept by the worker."""

    def __init__(self, metrics: Metrics, folded: dict[Source, int]) -> None:
        self._metrics = metrics
        self._folded = folded
        self.repeats = Repeats(folded)
        #: The chunk being committed: its last journal offset, its counts, and its usage groups for the publish delay.
        self._unsure: tuple[int, Counts, Sequence[Wait]] | None = None

    def reopened(self, last: int) -> Repeats:
        """The partition reopens behind journal offset `last`, which shows whether an uncertain chunk was committed."""
        if self._unsure is not None and last >= self._unsure[0]:
            self.committed()
        self._unsure = None
        self.repeats = Repeats(self._folded)
        return self.repeats

    def committing(self, last: int, counts: Counts, waits: Sequence[Wait] = ()) -> None:
        """A chunk up to journal offset `last` is being committed."""
        self._unsure = last, counts, waits

    @property
    def unsure(self) -> Counts:
        """The counts of the chunk being committed."""
        return {} if self._unsure is None else self._unsure[1]

    def committed(self) -> None:
        """The chunk is committed: count it."""
        assert self._unsure is not None, "a chunk is committed after it was begun"
        (_, counts, waits), self._unsure = self._unsure, None
        self._metrics.committed(waits, time.time())
        self.repeats.commit()
        for (kind, outcome), number in counts.items():
            self._metrics.folded(kind, outcome, number)
