"""Source records that the fold has met before: an entry that the intake writes twice is one record.

Figures need none of this, since identities and order ids show a repeat. It is for the metrics alone: records in =
counted + duplicate + dead + null. A journal partition gets the records of a source partition in order, so an offset
that is not behind the last one is a repeat.
"""

Source = tuple[str, int]
#: Before the first offset.
NOTHING = -1


class Repeats:
    """How far each source partition (topic, partition) is folded; `committed` outlives the fold of one opening."""

    def __init__(self, committed: dict[Source, int]) -> None:
        self._committed = committed
        self._chunk: dict[Source, int] = {}

    def through(self, topic: str, partition: int) -> int:
        """The last offset of a source partition that was folded."""
        source = (topic, partition)
        known = self._chunk.get(source)
        return self._committed.get(source, NOTHING) if known is None else known

    def known(self, topic: str, partition: int, offset: int) -> bool:
        """Whether the record at an offset was folded before."""
        return offset <= self.through(topic, partition)

    def passed(self, topic: str, partition: int, offset: int) -> None:
        """The records up to an offset are folded."""
        if offset > self.through(topic, partition):
            self._chunk[(topic, partition)] = offset

    def begin_again(self, topic: str, partition: int) -> None:
        """The topic was made again: what now has these offsets is something else."""
        self._chunk[(topic, partition)] = NOTHING

    def commit(self) -> None:
        """The chunk is committed."""
        self._committed.update(self._chunk)
        self._chunk.clear()
