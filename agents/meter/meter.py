"""What the lanes of the meter share: settings, facts, metrics, and their questions to Kafka."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import aiokafka
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from faust.types import TP

from agents.metrics.metrics import Metrics
from meter.batch.faust_app import ChunkApp
from meter.batch.lanes import Reopen
from meter.batch.stopping import stopped
from meter.batch.store import Room
from meter.kafka.topics import Topics
from meter.rules.state.journal_facts import JournalFacts
from meter.rules.state.repeats import Source
from meter.settings import Settings

#: How long one journal record may take to be read again, in ms.
RECORD_MS = 5_000


class Meter:
    """What the lanes of the meter share."""

    app: ChunkApp | None = None

    def __init__(self, settings: Settings, facts: JournalFacts, metrics: Metrics, room: Room) -> None:
        self.settings = settings
        #: Memory and descriptors for each partition's store.
        self.room = room
        self.facts = facts
        self.metrics = metrics
        self.topics = Topics.of(settings.topic_prefix)
        self.kwargs: Mapping[str, Any] = settings.kafka_client_kwargs()
        self.longest_restore = 0.0
        #: Journal partition -> source partition -> the last offset folded since this worker started.
        self.folded_sources: defaultdict[int, dict[Source, int]] = defaultdict(dict)

    async def committed(self, tp: TP) -> int:
        """The offset that the group committed for a journal partition; 0 if none."""
        if self.app is None:
            return 0
        try:
            at = (await self.app.consumer.committed([tp])).get(tp)
        except KafkaError as error:
            raise Reopen(f"the group's offset could not be read ({error!r})") from error
        return 0 if at is None else int(at.offset)

    async def record_at(self, tp: TP, offset: int) -> tuple[int, int, Any | None]:
        """A journal partition's first offset, its end, and the record at `offset` (None if it is gone)."""
        wanted = TopicPartition(*tp)
        reader = aiokafka.AIOKafkaConsumer(
            isolation_level="read_committed", enable_auto_commit=False, auto_offset_reset="none", **self.kwargs
        )
        try:
            await reader.start()
            try:
                reader.assign([wanted])
                beginning = (await reader.beginning_offsets([wanted]))[wanted]
                end = (await reader.end_offsets([wanted]))[wanted]
                if not beginning <= offset < end:
                    return beginning, end, None
                reader.seek(wanted, offset)
                fetched = await reader.getmany(wanted, timeout_ms=RECORD_MS, max_records=1)
                for record in fetched.get(wanted, ()):
                    return beginning, end, record if record.offset == offset else None
                raise Reopen(f"the journal did not give its record {offset} within {RECORD_MS / 1000:.0f} s")
            finally:
                await stopped(reader)
        except KafkaError as error:
            raise Reopen(f"the journal could not be read ({error!r})") from error
