"""Usage: records of the shared topic and of workspaces' own become usage groups of the journal."""

import asyncio
from typing import Any

from aiokafka.errors import KafkaError

from agents.gathering import GROUP_BYTES, UsageBuilder
from agents.homes import Home
from agents.reading import Dead
from agents.sources import Refused, SourceLane, said
from meter.batch.chunks import Chunk
from meter.batch.lanes import Retake
from schemas.reasons import DeadReason

#: Records between two turns of the event loop: heartbeats and acknowledgements get through a large chunk.
TURN_RECORDS = 2_000


class UsageLane(SourceLane):
    """A partition of `usage`, or (`own`) of a workspace's own topic."""

    own: str | None = None

    async def read(self, chunk: Chunk, pending: list[asyncio.Future[Any]]) -> None:
        intake, own = self.intake, self.own
        read, known = intake.reader.read, intake.homes.known
        builders: dict[int, UsageBuilder] = {}
        caught_up = False
        nulls = 0
        for number, record in enumerate(chunk.records):
            value = record.value
            if value is None:
                nulls += 1
                continue
            try:
                reading = read(value, record.headers, self.received(record), own)
                home = known(reading.workspace)
                if home is None:
                    if not caught_up:  # step 2: what was acknowledged on `workspaces` before is known now
                        await intake.homes.catch_up()
                        caught_up = True
                        home = known(reading.workspace)
                    if home is None:
                        raise Dead(
                            DeadReason.WORKSPACE_UNKNOWN,
                            "the workspace was not announced on `workspaces` before its usage was sent",
                        )
                builder = builders.get(home.partition)
                if builder is None:
                    builder = builders[home.partition] = UsageBuilder(self.topic, chunk.tp.partition)
                builder.add(reading, home.named, record.offset)
                if builder.bytes > GROUP_BYTES:
                    pending.append(self._seal(home, builders))
            except Dead as dead:
                pending.append(await self.bury(record, dead.reason, dead.error))
            except (Retake, Refused, asyncio.CancelledError, KafkaError):
                raise
            except Exception as error:  # step 3: whatever a single record does to us, it is that record's end
                pending.append(await self.bury(record, DeadReason.INVALID_FIELD, said(error)))
            if number % TURN_RECORDS == TURN_RECORDS - 1:
                await asyncio.sleep(0)
        intake.metrics.count(self.kind, "null", nulls)
        timestamp_ms = chunk.records[-1].timestamp
        for partition, builder in builders.items():
            if len(builder):
                builder.timestamp_ms = timestamp_ms
                pending.append(self.put((partition, builder)))

    def received(self, record: Any) -> int:
        """When the record counts as received, in ms."""
        return int(record.timestamp)

    def _seal(self, home: Home, builders: dict[int, UsageBuilder]) -> asyncio.Future[Any]:
        return self.put((home.partition, builders.pop(home.partition)))
