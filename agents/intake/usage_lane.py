"""Turns usage records of the shared topic and of workspace topics into journal entries.

A chunk is read in pieces of TURN_RECORDS, however many records its producers packed into it.
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

#: Records read between two turns of the event loop, so that heartbeats and acknowledgements go on in a large chunk. 500
#: records and what is made of them fit a core's own cache; 2,000 cost more where the cache is shared.
TURN_RECORDS = 500
#: A chunk of at least this many records means a backlog; a smaller one is written at once.
BACKLOG_RECORDS = 2_500


class UsageLane(SourceLane):
    """A partition of `usage`; with `own` (a workspace) one of a workspace topic."""

    own: str | None = None

    def __init__(self, app: Any, tp: Any, intake: Intake) -> None:
        super().__init__(app, tp, intake)
        self._own_cache = ValidationCache()

    def cache(self) -> ValidationCache:
        """The cache of verdicts; all lanes of the shared topic use one."""
        if self.own is None:
            if self.intake.validation_cache.full:
                self.intake.validation_cache = ValidationCache()
            return self.intake.validation_cache
        if self._own_cache.full:
            self._own_cache = ValidationCache()
        return self._own_cache

    def appended(self, record: Any) -> int:
        """Kafka's time of the record (ms); 0 if only its producer's time is known."""
        return 0 if self.own is not None and is_given(record) else int(record.timestamp)

    async def read(self, chunk: Chunk, pending: list[asyncio.Future[Any]]) -> Chunk:
        """In a backlog also read the chunks waiting behind this one, until journal records can be filled."""
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
        """Pack a piece of a chunk, and write if that is much; returns the packer for the next piece."""
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
        """Queue what was packed for the journal; `last`: the last record read."""
        for partition, builder in packer.packed(self.tp.partition, self.received(last)):
            pending.append(self.put((partition, builder)))
        self.outcomes.add("null", packer.nulls)

    async def _dated(self, records: Sequence[Any], pending: list[asyncio.Future[Any]]) -> Sequence[Any]:
        """The records without those that carry their producer's time, which become dead letters."""
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
