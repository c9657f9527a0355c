"""Usage: records of the shared topic and of workspaces' own become usage groups of the journal."""

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
from aiokafka.errors import KafkaError

from agents.events import SHALLOW_BYTES, opened, peculiar
from agents.gathering import GROUP_BYTES, Shape, UsageBuilder
from agents.homes import Home
from agents.reading import (
    AHEAD_LIMIT_US,
    NAME_LIMIT,
    Dead,
    Reading,
    source_prefix,
)
from agents.sources import Refused, SourceLane, said
from meter.batch.chunks import Chunk
from meter.batch.lanes import Retake
from schemas.ids import QUANTITY_LIMIT
from schemas.reasons import DeadReason

if TYPE_CHECKING:
    from agents.intake import Intake

#: Shapes remembered: workspaces times items times days at hand; beyond it all are judged anew.
SHAPES_KEPT = 200_000
#: Reasons that another version of the catalogue may not have.
OF_THE_CATALOGUE = (DeadReason.UNKNOWN_ITEM, DeadReason.UNKNOWN_RETENTION)
#: `record.timestamp_type` of a time that the producer gave.
CREATE_TIME = 0
#: Records between two turns of the event loop: heartbeats and acknowledgements get through a large chunk.
TURN_RECORDS = 2_000


class Shapes:
    """Shapes of events already judged, so that the next of the same shape need not be."""

    def __init__(self) -> None:
        self._shapes: dict[tuple[str | None, str, int | None, str | int, int], Shape] = {}
        self.get = self._shapes.get

    def of(self, reading: Reading, home: Home, least: int) -> Shape:
        """The shape of an event just judged."""
        key = (reading.workspace, reading.item, reading.retention, reading.corrected, reading.day)
        shape = self._shapes.get(key)
        if shape is None:
            if len(self._shapes) >= SHAPES_KEPT:
                self._shapes.clear()
            shape = self._shapes[key] = Shape(home, reading, least)
        if reading.given is not None:
            self._shapes[(*reading.given, reading.day)] = shape
        return shape


class UsageLane(SourceLane):
    """A partition of `usage`, or (`own`) of a workspace's own topic."""

    own: str | None = None

    def __init__(self, app: Any, tp: Any, intake: "Intake") -> None:
        super().__init__(app, tp, intake)
        self.shapes = intake.shapes if self.own is None else Shapes()

    def appended(self, record: Any) -> int:
        """When Kafka had the record (ms); 0 where only its producer's word is known."""
        return 0 if self.own is not None and record.timestamp_type == CREATE_TIME else int(record.timestamp)

    async def read(self, chunk: Chunk, pending: list[asyncio.Future[Any]]) -> None:
        packer = _Packer(self, chunk, pending)
        records = chunk.records
        for start in range(0, len(records), TURN_RECORDS):
            await packer.take(records[start : start + TURN_RECORDS])
            await asyncio.sleep(0)
        packer.seal_all()
        self.intake.metrics.count(self.kind, "null", packer.nulls)


class _Packer:
    """Packs one chunk: every event is judged by `UsageReader`, or was by an earlier one of its shape."""

    def __init__(self, lane: UsageLane, chunk: Chunk, pending: list[asyncio.Future[Any]]) -> None:
        self.lane = lane
        self.intake = lane.intake
        self.partition = chunk.tp.partition
        self.timestamp_ms = lane.received(chunk.records[-1])
        self.pending = pending
        self.nulls = 0
        self._builders: dict[int, UsageBuilder] = {}
        self._times: dict[str, tuple[int, int]] = {}
        self._prefixes: dict[str, bytes] = {}
        self._caught_up = False
        #: Shapes of days whose version is not final: good for this chunk only.
        self._early = Shapes()
        self._asked = False

    async def take(self, records: Any) -> None:
        """Take records in source order."""
        for record in records:
            if record.value is None:
                self.nulls += 1
            elif not self._fast(record):
                await self._judge(record)

    def _fast(self, record: Any) -> bool:
        """Add an event whose shape is known; False if it has to be judged, whatever the reason."""
        value = record.value
        if not value.isascii() or b"\\u" in value or (len(value) > SHALLOW_BYTES and peculiar(value)):
            return False
        try:
            event = opened(value, record.headers)
            time_us, day = self._times.get(event.time) or self._time(event.time)
        except (msgspec.DecodeError, ValueError, RecursionError):
            return False
        received = record.timestamp if self.lane.own is None else self.lane.received(record)
        data = event.data
        shape = self.lane.shapes.get((event.subject, data.item, data.retention_days, event.type, day))
        name, source, quantity = event.id, event.source, data.quantity
        if (
            shape is None
            or not shape.least <= quantity <= QUANTITY_LIMIT
            or not 0 < len(name) <= NAME_LIMIT
            or not 0 < len(source) <= NAME_LIMIT
            or time_us - received * 1000 > AHEAD_LIMIT_US
            or day < self.intake.reader.oldest(received)
        ):
            return False
        self._add(shape, quantity, time_us, source, name, record)
        return True

    def _time(self, text: str) -> tuple[int, int]:
        at = self._times[text] = self.intake.reader.time_and_day(text)
        return at

    def _add(self, shape: Shape, quantity: int, time_us: int, source: str, name: str, record: Any) -> None:
        prefix = self._prefixes.get(source)
        if prefix is None:
            prefix = self._prefixes[source] = source_prefix(source)
        partition = shape.home.partition
        builder = self._builders.get(partition)
        if builder is None:
            builder = self._builders[partition] = UsageBuilder(self.lane.topic, self.partition)
        builder.add(shape, quantity, time_us, source, prefix, name, record.offset)
        if builder.bytes > GROUP_BYTES:
            self._seal(partition, self.lane.received(record))

    async def _judge(self, record: Any) -> None:
        """Judge an event by all rules, remember its shape, add it; or bury it."""
        intake, lane = self.intake, self.lane
        try:
            reading = await self._reading(record)
            home = await self._home(reading.workspace)
            least = -QUANTITY_LIMIT if reading.corrected and intake.reader.adds_up(reading) else 0
            shapes = lane.shapes if reading.day <= intake.catalogue.final_through else self._early
            shape = shapes.of(reading, home, least)
            self._add(shape, reading.quantity, reading.time_us, reading.source, reading.id, record)
        except Dead as dead:
            self.pending.append(await lane.bury(record, dead.reason, dead.error))
        except (Retake, Refused, asyncio.CancelledError, KafkaError):
            raise
        except Exception as error:  # step 3: whatever a single record does to us, it is that record's end
            self.pending.append(await lane.bury(record, DeadReason.INVALID_FIELD, said(error)))

    async def _reading(self, record: Any) -> Reading:
        """Read a record by the version of its day, as it is for good, or else as far as it can be known now."""
        lane, catalogue, read = self.lane, self.intake.catalogue, self.intake.reader.read
        appended = lane.appended(record)
        await catalogue.reach(appended)
        try:
            reading = read(record.value, record.headers, lane.received(record), lane.own)
            if appended or self._asked or reading.day <= catalogue.final_through:
                return reading
        except Dead as dead:
            if self._asked or dead.reason not in OF_THE_CATALOGUE or not catalogue.open_at(appended):
                raise
        self._asked = True
        await catalogue.catch_up()
        return read(record.value, record.headers, lane.received(record), lane.own)

    async def _home(self, workspace: str) -> Home:
        homes = self.intake.homes
        home = homes.known(workspace)
        if home is None and not self._caught_up:  # step 2: what `workspaces` acknowledged before is known now
            await homes.catch_up()
            self._caught_up = True
            home = homes.known(workspace)
        if home is None:
            raise Dead(
                DeadReason.WORKSPACE_UNKNOWN,
                "the workspace was not announced on `workspaces` before its usage was sent",
            )
        return home

    def _seal(self, partition: int, timestamp_ms: int) -> None:
        builder = self._builders.pop(partition)
        builder.timestamp_ms = timestamp_ms
        self.pending.append(self.lane.put((partition, builder)))

    def seal_all(self) -> None:
        """Hand over what was packed."""
        for partition in list(self._builders):
            self._seal(partition, self.timestamp_ms)
