"""Watches transactions that producers left open on source topics, and reports them in log and metrics.

A reader of committed records gets nothing from the first open transaction on. Kafka ends the transaction of a producer
that is gone (`transaction.timeout.ms`); a hanging one must be aborted by hand.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from faust.types import TP

from agents.metrics.metrics import Metrics
from meter.batch.lanes import Reopen
from meter.batch.stopping import spared
from meter.kafka.topics import Topics

if TYPE_CHECKING:
    from agents.intake.intake import Intake
    from agents.intake.source_lane import SourceLane

log = logging.getLogger(__name__)

#: How often the sources are checked.
LOOK_SECONDS = 1.0
#: A transaction that is open this long is logged, and again every TELL_SECONDS.
TELL_AFTER_SECONDS = 10.0
TELL_SECONDS = 60.0


class ReadUpTo(NamedTuple):
    """A source partition: the position read to, the last stable offset, and the end."""

    tp: TP
    position: int
    stable: int
    end: int

    @property
    def waits(self) -> bool:
        """Whether reading has reached an open transaction."""
        return self.position >= self.stable < self.end


class OpenTransactions:
    """Since when each partition waits for a transaction to end."""

    def __init__(self, metrics: Metrics, topics: Topics) -> None:
        self._metrics = metrics
        self._topics = topics
        #: Partition -> offset of its open transaction, since when, and when that was last logged.
        self._open: dict[TP, tuple[int, float, float]] = {}

    async def watch(self, intake: "Intake", lanes: Callable[[], Iterable["SourceLane"]]) -> None:
        """Check the lanes' partitions, and `workspaces`, every LOOK_SECONDS."""
        directory = intake.directory
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                if directory.held_up:
                    await spared(directory.catch_up())
            except (Reopen, TimeoutError) as silent:
                log.warning("open transactions: %s; asking again", silent)
            mapped = directory.read_to if directory.held_up else directory.end
            found = [ReadUpTo(TP(self._topics.workspaces, 0), directory.read_to, mapped, directory.end)]
            reading = list(lanes())
            for lane in reading:
                consumer: Any = lane.app.consumer
                reach = consumer.reach(lane.tp)
                if reach is not None:
                    found.append(ReadUpTo(lane.tp, *reach))
            self.look(found, sum(len(lane.held) for lane in reading))

    def look(self, partitions: Iterable[ReadUpTo], held: int) -> None:
        """Check all source partitions of this worker; `held`: records held back for `workspaces`."""
        now, waiting = time.monotonic(), {each.tp: each for each in partitions if each.waits}
        self._open = {tp: state for tp, state in self._open.items() if tp in waiting}
        seconds = dict.fromkeys(("usage", "workspaces", "plan-purchases", "workspace topics"), 0.0)
        for tp, each in waiting.items():
            stable, since, logged = self._open.get(tp, (each.stable, now, 0.0))
            if stable != each.stable:  # that one ended; the next one is open
                since, logged = now, 0.0
            if now - since >= TELL_AFTER_SECONDS and now - logged >= TELL_SECONDS:
                logged = now
                self._tell(each, now - since, held)
            self._open[tp] = (each.stable, since, logged)
            kind = self._kind(tp.topic)
            seconds[kind] = max(seconds[kind], now - since)
        for kind, longest in seconds.items():
            self._metrics.open_transaction_seconds.labels(kind).set(longest)
        self._metrics.records_held.set(held)

    def _kind(self, topic: str) -> str:
        return "workspace topics" if self._topics.workspace_of(topic) else self._topics.bare(topic)

    def _tell(self, each: ReadUpTo, seconds: float, held: int) -> None:
        bare = self._topics.bare(each.tp.topic)
        behind = f"{each.end - each.stable} offsets from it on wait"
        if each.tp.topic == self._topics.workspaces:
            behind = f"{held} records that name workspaces nobody knows yet are held back, all others go on"
        log.warning(
            "%s/%d: a producer's transaction is open at offset %d for %.0f s: %s; it ends when its producer, or Kafka "
            "after the producer's transaction.timeout.ms, ends it; one that hangs is aborted by `kafka-transactions.sh "
            "--bootstrap-server … abort --topic %s --partition %d --start-offset %d`",
            bare,
            each.tp.partition,
            each.stable,
            seconds,
            behind,
            each.tp.topic,
            each.tp.partition,
            each.stable,
        )
