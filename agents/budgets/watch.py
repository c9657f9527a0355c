"""`meter budget watch`: follows published figures and budgets, and publishes the states of thresholds, each crossing
once.

A process of its own: the engine knows nothing of budgets, dashboards may come and go, and several watching
processes share the partitions by a consumer group. It keeps nothing on disk.
"""

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import aiokafka
from aiokafka import ConsumerRebalanceListener
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError

from agents.budgets.lane import BudgetLane, Ground
from agents.journal.opening import recorded_under
from meter.batch.lanes import Reopen
from meter.batch.stopping import stopped
from meter.budgets.reading import Fetched, committed_reader, fetched
from meter.budgets.topics import BudgetTopics, budget_specs
from meter.errors import UserError
from meter.kafka.admin import compared, connected_admin, create_topics, partition_counts
from meter.kafka.topics import Topics, missing_sentence
from meter.rules.state.journal_facts import JournalFacts
from meter.settings import Settings
from schemas.plurals import counted

log = logging.getLogger(__name__)

POLL_MS = 500
FETCHED_RECORDS = 5_000
TICK_SECONDS = 900
#: Opening a partition reads a month of figures at most.
POLL_INTERVAL_MS = 600_000
SESSION_MS = 10_000
#: How long a partition may fail while the broker answers, and how often it is tried.
PATIENCE_SECONDS = 60.0
AGAIN_SECONDS = 1.0


class BudgetWatch:
    """One watching process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.lanes: dict[int, BudgetLane] = {}
        self._stop = asyncio.Event()
        self._failing_since: float | None = None
        self._ticked = 0

    async def run(self) -> None:
        """Watch until SIGTERM or Ctrl-C."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        facts = (await recorded_under(self.settings)).facts
        await ensure_budget_topics(self.settings, facts)
        async with self._ground(facts) as ground:
            try:
                await self._follow(ground)
            finally:
                for lane in list(self.lanes.values()):
                    await lane.close()

    async def _follow(self, ground: Ground) -> None:
        topics = (ground.topics.overages, ground.topics.quota_balances, ground.budgets.budgets)
        listener = _Rebalances(self)
        ground.consumer.subscribe(topics, listener=listener)
        found = False
        while not self._stop.is_set():
            await self._lanes_as_assigned(ground)
            if not found and self.lanes and all(lane.watched.live for lane in self.lanes.values()):
                found = True
                log.info("ready: watching budgets of %s", counted(len(self.lanes), "partition"))
            polled = await ground.consumer.getmany(timeout_ms=POLL_MS, max_records=FETCHED_RECORDS)
            by_partition: dict[int, list[Fetched]] = {number: [] for number in self.lanes}
            for tp, records in polled.items():
                by_partition.get(tp.partition, []).extend(fetched(tp, records))
            for number, records in by_partition.items():
                await self._taken(number, records)
            await self._tick(ground)

    async def _taken(self, number: int, records: list[Fetched]) -> None:
        lane = self.lanes.get(number)
        if lane is not None and not lane.stale and (records or not lane.watched.live):
            await self._certainly(lane, lane.take(records))

    async def _tick(self, ground: Ground) -> None:
        """Every quarter of an hour: read newly announced catalog versions, publish estimates, forget old days."""
        quarter = int(time.time() // TICK_SECONDS)
        if quarter != self._ticked and all(lane.watched.live for lane in self.lanes.values()):
            self._ticked = quarter
            try:
                ground.facts = (await recorded_under(self.settings)).facts
            except UserError as reason:
                log.warning("catalog versions could not be read: %s; those known apply", reason)
            for lane in list(self.lanes.values()):
                await self._certainly(lane, lane.tick())

    async def _certainly(self, lane: BudgetLane, work: Coroutine[Any, Any, None]) -> None:
        """Do a lane's work; if a commit's outcome is unknown, the lane begins again.

        Waits for a broker that is away. If the broker answers and the lane still fails, the process ends.
        """
        try:
            await work
            self._failing_since = None
        except (Reopen, KafkaError) as reason:
            lane.stale = True
            now = time.monotonic()
            if self._failing_since is None:
                log.warning("budgets/%d: %s; reading it again", lane.partition, reason)
            self._failing_since = self._failing_since or now
            if now - self._failing_since > PATIENCE_SECONDS and await self._broker_answers():
                raise UserError(f"budgets/{lane.partition} cannot be watched: {reason}; look at the broker") from reason
            await asyncio.sleep(AGAIN_SECONDS)

    async def _broker_answers(self) -> bool:
        try:
            async with connected_admin(self.settings):
                return True
        except UserError:
            return False

    async def _lanes_as_assigned(self, ground: Ground) -> None:
        """Open a lane for each partition assigned with all its topics; stale lanes begin again."""
        ours = {tp.partition for tp in ground.consumer.assignment()}
        for number in [number for number in self.lanes if number not in ours]:
            await self.lanes.pop(number).close()
        for number in sorted(ours):
            lane = self.lanes.get(number)
            if lane is None:
                lane = self.lanes[number] = BudgetLane(ground, number)
                lane.stale = True
            if lane.stale:
                await self._certainly(lane, lane.open())

    @asynccontextmanager
    async def _ground(self, facts: JournalFacts) -> AsyncIterator[Ground]:
        """The consumers, started."""
        topics, names = Topics.of(self.settings.topic_prefix), BudgetTopics.of(self.settings.topic_prefix)
        consumer = aiokafka.AIOKafkaConsumer(
            group_id=names.group,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="latest",
            fetch_max_wait_ms=100,
            partition_assignment_strategy=(RangePartitionAssignor,),
            session_timeout_ms=SESSION_MS,
            max_poll_interval_ms=POLL_INTERVAL_MS,
            **self.settings.kafka_client_kwargs(),
        )
        async with committed_reader(self.settings) as reader:
            try:
                await consumer.start()
                yield Ground(self.settings, facts, topics, names, consumer, reader)
            finally:
                await stopped(consumer)


class _Rebalances(ConsumerRebalanceListener):
    """Releases revoked partitions before another process receives them."""

    def __init__(self, watch: BudgetWatch) -> None:
        self._watch = watch

    async def on_partitions_revoked(self, revoked: Any) -> None:
        for number in {tp.partition for tp in revoked}:
            lane = self._watch.lanes.pop(number, None)
            if lane is not None:
                await lane.close()

    async def on_partitions_assigned(self, assigned: Any) -> None:
        """Nothing to do: `_lanes_as_assigned` opens the lanes."""


async def ensure_budget_topics(settings: Settings, facts: JournalFacts) -> None:
    """Create the missing ones of both topics, or refuse and list them; refuse a topic with wrong settings."""
    specs = budget_specs(settings, facts.opening.partitions)
    async with connected_admin(settings) as admin:
        there = await partition_counts(admin)
        missing = [spec for spec in specs if spec.name not in there]
        if missing and not settings.create_topics:
            raise UserError(missing_sentence(missing))
        await create_topics(settings, admin, missing)
        for warning in await compared(admin, specs, settings):
            log.warning("%s", warning)
