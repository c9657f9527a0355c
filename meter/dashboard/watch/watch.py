"""Observes the running meter every few seconds for the operations page; read-only."""

import asyncio
import json
import logging
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiokafka
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from meter.batch.stopping import is_cancelled, stopped
from meter.dashboard.calendar import Calendar
from meter.dashboard.operations_models import GroupView, PartitionView, VerifyView
from meter.dashboard.sight import Live
from meter.dashboard.watch.groups import Groups
from meter.dashboard.watch.observed import Observed, unknown, verdict_of
from meter.dashboard.watch.workers import Worker, balance_of, workers
from meter.errors import UserError
from meter.kafka.admin import connected_admin
from meter.kafka.set_aside import set_aside
from meter.kafka.topics import Topics
from meter.settings import Settings
from meter.verified import FILE

log = logging.getLogger(__name__)

#: Seconds between two looks; with 5,000 workspace topics each takes about half a second.
LOOK_SECONDS = 3.0
AGAIN_SECONDS = 5.0


class Watch:
    """Writes observations to `live.operations`."""

    def __init__(self, settings: Settings, calendar: Calendar, live: Live, changed: Any) -> None:
        self._settings, self._calendar, self._live = settings, calendar, live
        self._changed = changed
        self._groups = Groups(Topics.of(settings.topic_prefix))
        self._committed: dict[tuple[str, str, int], int | None] = {}
        self._moved_at = time.monotonic()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                async with connected_admin(self._settings) as admin, self._consumer() as consumer:
                    while True:
                        self._live.operations = await self._look(admin, consumer)
                        self._changed()
                        await asyncio.sleep(LOOK_SECONDS)
            except asyncio.CancelledError:
                if is_cancelled():
                    raise
                self._unknown("Kafka does not answer (a request was given up)")
            except (KafkaError, OSError, TimeoutError, UserError) as error:
                self._unknown(str(error) if isinstance(error, UserError) else f"Kafka does not answer ({error!r})")
            await asyncio.sleep(AGAIN_SECONDS)

    def _unknown(self, reason: str) -> None:
        self._live.operations = unknown(reason)
        self._changed()

    @asynccontextmanager
    async def _consumer(self) -> Any:
        """A consumer that requests end offsets, including those of open transactions; it reads no records."""
        consumer = aiokafka.AIOKafkaConsumer(enable_auto_commit=False, **self._settings.kafka_client_kwargs())
        try:
            await consumer.start()
            yield consumer
        finally:
            await stopped(consumer)

    async def _look(self, admin: AIOKafkaAdminClient, consumer: Any) -> Observed:
        groups = await self._groups.look(admin, consumer, time.time_ns() // 1000)
        aside = await set_aside(self._settings, admin)
        said = await workers(self._settings.dashboard_metrics)
        verdict, level = verdict_of(groups, len(aside), self._still_seconds(groups))
        return Observed(
            verdict=verdict,
            level=level,
            groups=groups,
            balance=balance_of(worker.samples for worker in said),
            workers=[worker.view for worker in said],
            set_aside=[
                {"topic": each.topic, "partition": each.partition, "reason": str(each.reason), "error": each.sentence}
                for each in aside
            ],
            verify=self._verify(said),
        )

    def _still_seconds(self, groups: list[GroupView]) -> float:
        """Time since the last commit of any group."""
        now = {
            (group.group, each.topic, each.partition): each.committed for group in groups for each in group.partitions
        }
        if now != self._committed:
            self._committed, self._moved_at = now, time.monotonic()
        return time.monotonic() - self._moved_at

    def _verify(self, said: list[Worker]) -> VerifyView:
        """The last complete `meter verify` in our data directory, else the one in the workers' metrics."""
        kept = kept_result(self._settings.data_dir / FILE)
        if kept is not None:
            differences, result, at_us = kept
            return VerifyView(differences=differences, result=result, at=self._calendar.time(at_us))
        ran = [worker.view.verify_differences for worker in said]
        found = [each for each in ran if each is not None and each >= 0]
        return VerifyView(differences=max(found, default=None), result=None, at=None)


def place_of(view: PartitionView) -> tuple[str, int]:
    """The topic and partition of a view."""
    return view.topic, view.partition


def kept_result(path: Path) -> tuple[int, str, int] | None:
    """Differences, sentence and time (µs) of a result file; None if there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        return int(found["differences"]), str(found["result"]), int(at.timestamp() * 1e6)
    except (OSError, ValueError, TypeError, KeyError):
        return None
