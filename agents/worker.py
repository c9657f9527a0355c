"""The worker: opens the journal, starts its roles, logs `ready`, and stops by a signal or with a reason."""

import asyncio
import logging
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import IO, Any

from agents.intake.app import intake_app
from agents.intake.intake import Intake
from agents.intake.open_transactions import OpenTransactions
from agents.intake.source_lane import SourceLane
from agents.journal.opening import open_journal
from agents.meter.app import meter_app
from agents.meter.meter import Meter
from agents.metrics.live_gauges import LiveGauges
from agents.metrics.metrics import Metrics
from agents.readiness import Readiness
from agents.rights_watch import RightsWatch
from agents.topic_watch import TopicWatch
from agents.web import Web
from agents.workspace_topics.discovery import WorkspaceTopics
from meter.batch.faust_app import ChunkApp
from meter.batch.patches import rejoining
from meter.batch.starting import together
from meter.batch.stopping import spared
from meter.errors import UserError
from meter.kafka.access import require
from meter.kafka.admin import broker_count, connected_admin, ensure_topics, require_version
from meter.kafka.rights import of_role
from meter.kafka.troubles import asked_again, explained, of_kafka
from meter.machine import capacity
from meter.machine import private_files as private
from meter.machine import shortages as machine
from meter.machine.ending import described
from meter.rules.state.journal_facts import JournalFacts
from meter.settings import Settings
from schemas.catalog import CatalogError, load_catalog

log = logging.getLogger(__name__)

#: A worker stops within 15 s of SIGTERM; this much of it is for apps that do not answer.
STOP_SECONDS = 10.0
START_CANCEL_SECONDS = 2.0
#: How long a start asks again what a broker that just went could not answer; one question to it may take 30 s.
START_AGAIN_SECONDS = 60.0
READY_POLL_SECONDS = 0.1


class Worker:
    """One process: its apps, its metrics, its web port."""

    def __init__(self, settings: Settings, role: str) -> None:
        self.settings = settings
        self.role = role
        self.metrics = Metrics(role)
        self.metrics.show_verified(settings.data_dir)
        self.readiness = Readiness()
        self.apps = self.readiness.apps
        self.gauges = LiveGauges(self.metrics, self.readiness, settings.topic_prefix)
        self.metrics.look = self.gauges.look
        #: The worker's name in the reason of a stop.
        self.who = f"role {role}"
        self._rights = of_role(settings, role)
        self._watch = TopicWatch(settings)
        self._rights_watch = RightsWatch(settings, self.who, self._rights)
        self._intake: Intake | None = None
        self._workspace_topics: WorkspaceTopics | None = None
        self._looking: list[asyncio.Task[None]] = []
        self._stop = asyncio.Event()
        self._lock: IO[str] | None = None
        #: How many files the process may open, and how many brokers there are; both limit its stores.
        self._descriptors, self._brokers = 0, 1

    async def run(self) -> None:
        """Run until a signal (returns) or a failure (raises it)."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked_to_stop)
        self._descriptors = machine.raise_descriptors()
        self._lock = lock(self.settings.data_dir)
        rejoining.install()
        web = Web(self.settings, self.readiness, self.metrics)
        await web.start()
        try:
            if await self._started():
                await self._until_stopped()
        except Exception as error:
            if not of_kafka(error):
                raise
            reason, spent = await explained(self.settings, self.who, self._rights, error), machine.spent()
            if spent:
                raise UserError(f"{reason}{spent}") from error
            if reason is error:
                raise
            raise reason from error
        finally:
            await self._finish()
            await self._watch.stop()
            await web.stop()

    def _asked_to_stop(self) -> None:
        self.readiness.stopping = True
        self._stop.set()

    async def _started(self) -> bool:
        """Start; False if a signal came first."""
        starting, asked = asyncio.create_task(self._start()), asyncio.create_task(self._stop.wait())
        await asyncio.wait({starting, asked}, return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if starting.done():
            starting.result()
            return True
        starting.cancel()
        await asyncio.wait({starting}, timeout=START_CANCEL_SECONDS)
        return False

    async def _start(self) -> None:
        try:
            catalog = load_catalog(self.settings.catalog_path)
        except CatalogError as wrong:
            raise UserError(str(wrong)) from None
        await asked_again(lambda: spared(self._ensure_topics()), START_AGAIN_SECONDS)
        await asked_again(lambda: spared(self._watch.start()), START_AGAIN_SECONDS)
        facts = await asked_again(lambda: spared(open_journal(self.settings, catalog)), START_AGAIN_SECONDS)
        log.info(
            "role %s under prefix %r: meter %s, days in %s, %d journal partitions; joining the groups",
            self.role,
            self.settings.topic_prefix,
            facts.opening.meter_id,
            facts.opening.time_zone,
            facts.opening.partitions,
        )
        starting: list[Coroutine[Any, Any, None]] = []
        if self.role in ("all", "meter"):
            starting.append(self._meter(facts).start())
        if self.role in ("all", "intake"):
            starting.append(self._start_intake(facts))
        await together(starting)
        self._look_for_good(self.gauges.watch(), "watching how far it is")

    def _look_for_good(self, watch: Coroutine[Any, Any, None], name: str) -> None:
        """Watch something until the worker stops; an error that ends the watch stops the worker."""
        task = asyncio.create_task(watch, name=name)
        task.add_done_callback(self._looked)
        self._looking.append(task)

    def _looked(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.apps[0].fail(error)

    def _meter(self, facts: JournalFacts) -> ChunkApp:
        """The meter's app."""
        room = capacity.store_room(self._descriptors, machine.memory_bytes(), facts.opening.partitions, self._brokers)
        self.metrics.journal_partitions.set(facts.opening.partitions)
        app = self.gauges.journal_app = meter_app(Meter(self.settings, facts, self.metrics, room))
        self.apps.append(app)
        return app

    async def _start_intake(self, facts: JournalFacts) -> None:
        """Start the intake: what its lanes share, then the shared topics beside the workspace topics."""
        topic_ids = {name: state.id for name, state in self._watch.known.items()}
        intake = self._intake = Intake(self.settings, facts, self.metrics, topic_ids)
        intake.look_at_settings = self._watch.require_settings
        app = self.gauges.intake_app = intake_app(intake)
        self.apps.append(app)  # so that the worker is not ready before it
        await intake.start()
        topics = self._workspace_topics = self.gauges.workspace_topics = WorkspaceTopics(intake)
        self.readiness.not_read = topics.board.lines
        self.apps.append(topics.app)
        await together([app.start(), topics.start()])
        watch = OpenTransactions(self.metrics, intake.topics).watch(intake, self._source_lanes)
        self._look_for_good(watch, "watching open transactions")

    def _source_lanes(self) -> list[SourceLane]:
        """The lanes of all source partitions that this worker reads."""
        lanes = [lane for app in self.apps for lane in app.tables.lanes() if isinstance(lane, SourceLane)]
        return lanes + ([] if self._workspace_topics is None else [*self._workspace_topics.lanes()])

    async def _ensure_topics(self) -> None:
        async with connected_admin(self.settings) as admin:
            await require_version(admin)
            self._brokers = await broker_count(admin)
            owned = 0 if self.role == "intake" else self.settings.partitions
            capacity.require_descriptors(self._descriptors, owned, self._brokers)
            await require(self.settings, admin, self.who, self._rights)
            ensured = await ensure_topics(self.settings, admin)
        if ensured.created:
            log.info("created %d topics: %s", len(ensured.created), ", ".join(ensured.created))
        for warning in ensured.warnings:
            log.warning("%s", warning)

    async def _until_stopped(self) -> None:
        reporting = asyncio.create_task(self._log_ready())
        waits: dict[Any, ChunkApp | None] = {asyncio.create_task(self._stop.wait()): None}
        waits[asyncio.create_task(self._watch.run())] = None
        waits[asyncio.create_task(self._rights_watch.run())] = None
        waits |= {asyncio.create_task(app.failed.wait()): app for app in self.apps}
        waits |= {asyncio.create_task(app.wait_until_stopped()): app for app in self.apps}
        done, rest = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in (reporting, *rest):
            task.cancel()
        for task in done:
            app = waits[task]
            task.result()
            if app is not None:
                raise (
                    app.failure or app.crash_reason or UserError(f"{app.conf.id} stopped by itself; see the log before")
                )

    async def _log_ready(self) -> None:
        while not self.readiness.ready():
            await asyncio.sleep(READY_POLL_SECONDS)
        log.info("ready")

    async def _finish(self) -> None:
        self.readiness.stopping = True
        log.info("stopping: releasing the partitions")
        stopping = asyncio.create_task(self._stop_apps())
        _, late = await asyncio.wait({stopping}, timeout=STOP_SECONDS)  # not wait_for: Faust swallows the cancellation
        if late:
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            left = ", ".join(sorted(described(task) for task in tasks))
            log.warning(
                "not everything stopped within %.0f s; exiting anyway, uncommitted work is done again; left are: %s",
                STOP_SECONDS,
                left,
            )
            stopping.cancel()
        elif stopping.cancelled() or stopping.exception() is not None:
            error = "a connection was given up" if stopping.cancelled() else stopping.exception()
            log.warning("not everything stopped cleanly (%r); uncommitted work is done again", error)

    async def _stop_apps(self) -> None:
        own = self._workspace_topics
        await asyncio.gather(
            *(app.stop() for app in reversed(self.apps) if own is None or app is not own.app),
            *([] if own is None else [own.stop()]),
        )
        for task in self._looking:
            task.cancel()
        if self._intake is not None:
            await self._intake.stop()


def lock(data_dir: Path) -> IO[str]:
    """Lock the data directory for this worker."""
    private.directory(data_dir)
    return private.locked(
        data_dir / "lock",
        f"the data directory {data_dir} is in use by another worker; give each its own METER_DATA_DIR",
    )
