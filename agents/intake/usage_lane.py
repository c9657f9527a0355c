"""Turns usage records into journal entries, of the shared topic and of workspace topics.

A chunk is read some hundred records at a time, however many its producers packed into it (`agents.intake.packing`).
"""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

from agents.intake.intake import Intake
from agents.intake.packing import Packer
from agents.intake.pending import all_acknowledged, some_acknowledged
from agents.intake.source_lane import SourceLane
from agents.intake.usage_reader import is_given
from agents.intake.validation_cache import ValidationCache
from meter.batch.chunks import Chunk
from schemas.reasons import DeadReason

#: Records between two turns of the event loop: heartbeats and acknowledgements get through a large chunk. And as many
#: as a core's own cache holds with all that is made of them; 2,000 cost more wherever that cache is shared.
TURN_RECORDS = 500
#: A chunk of so many records says that there is a backlog; a smaller one is written at once.
BACKLOG_RECORDS = 2_500


class UsageLane(SourceLane):
    """A partition of `usage`, or (`own`) of a workspace topic."""

    own: str | None = None

    def __init__(self, app: Any, tp: Any, intake: Intake) -> None:
        super().__init__(app, tp, intake)
        self._own_cache = ValidationCache()

    def cache(self) -> ValidationCache:
        """The shapes known: those of the shared topic are known to all its lanes."""
        if self.own is None:
            if self.intake.validation_cache.full:
                self.intake.validation_cache = ValidationCache()
            return self.intake.validation_cache
        if self._own_cache.full:
            self._own_cache = ValidationCache()
        return self._own_cache

    def appended(self, record: Any) -> int:
        """When Kafka had the record (ms); 0 where only its producer's word is known."""
        return 0 if self.own is not None and is_given(record) else int(record.timestamp)

    async def read(self, chunk: Chunk, pending: list[asyncio.Future[Any]]) -> Chunk:
        """Under backlog the chunks that wait behind are read too, until journal records can be filled."""
        packer = Packer(self, pending)
        following: Chunk | None = chunk
        while following is not None:
            chunk = following
            packer.begin()
            read = 0
            async with aclosing(chunk.pieces(TURN_RECORDS)) as pieces:
                async for records in pieces:
                    read += len(records)
                    packer = await self._take(records, packer, chunk, pending)
            following = self.behind(chunk) if read >= BACKLOG_RECORDS and not packer.full else None
        if chunk.last is not None:
            self._write(packer, chunk.last, pending)
        return chunk

    async def _take(
        self, records: Sequence[Any], packer: Packer, chunk: Chunk, pending: list[asyncio.Future[Any]]
    ) -> Packer:
        """Pack some records of a chunk, and write what is packed if it is much; the packer for the next ones."""
        last = records[-1]
        if self.refuses_times(chunk):
            records = await self._dated(records, pending)
        if records:
            await packer.take(records)
        await asyncio.sleep(0)
        await some_acknowledged(pending)
        if not packer.overfull:
            return packer
        self._write(packer, last, pending)
        await all_acknowledged(pending)
        packer = Packer(self, pending)
        packer.begin()
        return packer

    def _write(self, packer: Packer, last: Any, pending: list[asyncio.Future[Any]]) -> None:
        """Put what was packed in line for the journal; `last`: the last record that was read."""
        for partition, builder in packer.packed(self.tp.partition, self.received(last)):
            pending.append(self.put((partition, builder)))
        self.outcomes.add("null", packer.nulls)

    async def _dated(self, records: Sequence[Any], pending: list[asyncio.Future[Any]]) -> Sequence[Any]:
        """Without those that carry their producer's time, which become dead letters."""
        given = [record for record in records if record.value is not None and is_given(record)]
        for record in given:
            await self.bury(pending, record, DeadReason.INVALID_FIELD, self._given_time())
        return [record for record in records if record.value is None or not is_given(record)]

    async def read_held(self, records: list[Any], pending: list[asyncio.Future[Any]]) -> None:
        packer = Packer(self, pending, all_known=True)
        packer.begin()
        for start in range(0, len(records), TURN_RECORDS):
            await packer.take(records[start : start + TURN_RECORDS])
            await asyncio.sleep(0)
        for partition, builder in packer.packed(self.tp.partition, self.received(records[-1])):
            pending.append(self.put((partition, builder)))
