"""A Faust app on the batch path: chunks instead of records, lanes instead of table recovery.

Faust keeps the group, the rebalance, agents with their streams, and services. Its transport, table manager and boot
strategy are replaced; all three are public extension points.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import faust
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from faust.app.base import BootStrategy
from faust.types import TP

from meter.batch.chunks import ChunkSchema
from meter.batch.faust_consumer import ChunkTransport
from meter.batch.lane_manager import LaneManager
from meter.batch.lanes import Lane

log = logging.getLogger(__name__)

#: A group notices a dead member after this long (SPEC §10: at most 10 s).
SESSION_SECONDS = 8.0
HEARTBEAT_SECONDS = 2.0
REBALANCE_SECONDS = 15.0
REQUEST_SECONDS = 10.0
#: Chunks in a stream's buffer; Faust's default counts records.
STREAM_CHUNKS = 64


class _Boot(BootStrategy):
    """No producer and no web server of Faust's: both roles have their own."""

    enable_kafka_producer = False
    enable_web = False


def sticky_assignor(group: str) -> type[StickyPartitionAssignor]:
    """Assigns partitions one by one, keeping them in place; a new class each, since it keeps state on it."""
    return type(
        f"Sticky_{group}",
        (StickyPartitionAssignor,),
        {"member_assignment": None, "generation": StickyPartitionAssignor.DEFAULT_GENERATION_ID},
    )


class ChunkApp(faust.App):
    """One role's Faust app: a consumer group of its own, its lanes, and the first failure, if any."""

    BootStrategy = _Boot
    logger = logging.getLogger("faust.app")  # without a line for every step of a service

    def __init__(
        self,
        group: str,
        *,
        lane_for: Callable[["ChunkApp", TP], Lane],
        client_kwargs: dict[str, Any],
        data_dir: str,
        cooperates_with_tables: bool = False,
    ) -> None:
        self._lane_for = lane_for
        self._sticky = None if cooperates_with_tables else sticky_assignor(group)
        self.client_kwargs = client_kwargs
        #: Commits handled offsets; None in an app whose offsets do not matter.
        self.commit_progress: Callable[[], Awaitable[None]] | None = None
        self.failure: BaseException | None = None
        self.failed = asyncio.Event()
        super().__init__(
            group,
            broker=";".join(f"kafka://{address}" for address in client_kwargs["bootstrap_servers"]),
            datadir=data_dir,
            TableManager=LaneManager,
            topic_allow_declare=False,
            topic_disable_leader=True,
            store="memory://",
            web_enabled=False,
            stream_wait_empty=False,
            stream_buffer_maxsize=STREAM_CHUNKS,
            broker_session_timeout=SESSION_SECONDS,
            broker_heartbeat_interval=HEARTBEAT_SECONDS,
            broker_rebalance_timeout=REBALANCE_SECONDS,
            broker_request_timeout=REQUEST_SECONDS,
            consumer_metadata_max_age_ms=5_000,
            logging_config=None,
        )

    @property
    def group_assignor(self) -> Any:
        return self.assignor if self._sticky is None else self._sticky

    def lane_for(self, tp: TP) -> Lane:
        return self._lane_for(self, tp)

    def chunk_topic(self, *names: str) -> Any:
        """A Faust topic whose events are chunks."""
        return self.topic(*names, schema=ChunkSchema(key_type=bytes, value_type=bytes))

    def fail(self, error: BaseException) -> None:
        """Keep the first failure: the worker stops, non-zero, with this reason."""
        if self.failure is None:
            self.failure = error
            self.failed.set()

    def on_rebalance_return(self) -> None:
        """Does nothing: Faust's sensors expect its table recovery, which does not exist here."""

    def on_rebalance_end(self) -> None:
        self.rebalancing = False

    async def stop_with(self, error: BaseException) -> None:
        """`fail`, as lanes call it."""
        self.fail(error)

    def _new_transport(self) -> Any:
        return ChunkTransport(self.conf.broker_consumer, self)

    async def _producer_flush(self, logger: Any) -> None:
        return None

    async def _stop_consumer(self) -> None:
        await self.tables.leave_all()
