"""Turns records of `workspaces` that change something into journal entries of their account."""

from typing import Any

from agents.intake.cloudevents import RECORD_LIMIT
from agents.intake.journal_entries import BindingBuilder, Builder
from agents.intake.source_lane import SourceLane
from agents.intake.usage_reader import Dead, check_size
from meter.batch.chunks import Chunk
from schemas.journal import Named
from schemas.record import Unreadable
from schemas.rows import NEVER
from schemas.workspaces import workspace_from_json


class WorkspacesLane(SourceLane):
    """The partition of `workspaces`."""

    kind = "workspace"

    async def read(self, chunk: Chunk, pending: Any) -> Chunk:
        await self.intake.directory.catch_up()
        return await super().read(chunk, pending)

    async def entries(self, record: Any) -> list[tuple[int, Builder]]:
        check_size(record.value, record.headers, RECORD_LIMIT)
        try:
            found = workspace_from_json(record.value)
        except Unreadable as unreadable:
            raise Dead(unreadable.reason, str(unreadable)) from unreadable
        directory = self.intake.directory
        judged = directory.judge(found.workspace, found.account, found.tier, record.offset)
        if isinstance(judged, tuple):
            raise Dead(*judged)
        if not judged:
            self.outcomes.add("duplicate")
            return []
        day = self.intake.facts.zone.day_of(record.timestamp * 1000) if found.tier == "commercial" else NEVER
        named = Named(found.workspace, found.account, day)
        builder = BindingBuilder(self.topic, self.tp.partition, record.offset, record.timestamp, named)
        return [(directory.partition_of(found.account), builder)]
