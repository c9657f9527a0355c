"""Recognizes source records that the fold has met before, since the intake may write an entry twice.

Only the metrics need it (records in = counted + duplicate + dead + null): for figures, identities and order ids
recognize a repeat. A journal partition gets the records of a source partition in order, so an offset at or below the
last one is a repeat.
"""

Source = tuple[str, int]
#: Before the first offset.
NOTHING = -1


class Repeats:
    """The last offset folded of each source partition (topic, partition); `committed` outlives a reopened lane."""

    def __init__(self, committed: dict[Source, int]) -> None:
        self._committed = committed
        self._chunk: dict[Source, int] = {}

    def through(self, topic: str, partition: int) -> int:
        """The last offset folded of a source partition; NOTHING if none."""
        source = (topic, partition)
        known = self._chunk.get(source)
        return self._committed.get(source, NOTHING) if known is None else known

    def known(self, topic: str, partition: int, offset: int) -> bool:
        """Whether the record at an offset was folded before."""
        return offset <= self.through(topic, partition)

    def passed(self, topic: str, partition: int, offset: int) -> None:
        """Note that the records up to an offset are folded."""
        if offset > self.through(topic, partition):
            self._chunk[(topic, partition)] = offset

    def begin_again(self, topic: str, partition: int) -> None:
        """Forget the offsets of a topic that was deleted and made again."""
        self._chunk[(topic, partition)] = NOTHING

    def commit(self) -> None:
        """Keep the offsets of a committed chunk."""
        self._committed.update(self._chunk)
        self._chunk.clear()
