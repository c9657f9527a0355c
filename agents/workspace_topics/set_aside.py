"""Reports workspace topics of this worker's share that it does not read, in the log, `/ready` and the metrics.

Each topic belongs to one worker's share, so the sum over the workers counts each once.
"""

import logging
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import aiokafka
from aiokafka import TopicPartition
from faust.types import TP

from agents.metrics.metrics import Metrics
from meter.batch.lanes import Runner
from meter.kafka.set_aside import NotRead, Reason, reason_of
from meter.kafka.topics import Topics

log = logging.getLogger(__name__)

#: How often topics set aside are logged again.
REMIND_SECONDS = 600.0
#: At most this many are named; the others are counted.
SHOWN = 20


class AsideBoard:
    """The topics set aside now."""

    def __init__(self, metrics: Metrics, topics: Topics, asker: aiokafka.AIOKafkaConsumer) -> None:
        self._metrics = metrics
        self._topics = topics
        self._asker = asker
        #: Unread records in partitions set aside.
        self.unread = 0
        self._now: tuple[NotRead, ...] = ()
        self._logged_at = 0.0
        for reason in Reason:
            metrics.topics_set_aside.labels(reason).set(0)

    async def look(self, runners: Mapping[TP, Runner], not_followed: Iterable[NotRead]) -> None:
        """Report the runners set aside, and the topics not followed; raises KafkaError."""
        aside = {tp: runner for tp, runner in runners.items() if runner.aside}
        asked = [TopicPartition(*tp) for tp in aside if reason_of(aside[tp].why) is not Reason.DENIED]
        ends = await self._asker.end_offsets(asked) if asked else {}
        self.unread = sum(max(0, ends[tp] - _handled_to(aside[TP(tp.topic, tp.partition)])) for tp in asked)
        bare = self._topics.bare
        not_read = [NotRead(bare(tp.topic), tp.partition, reason_of(r.why), r.why) for tp, r in aside.items()]
        self.show([*not_read, *not_followed], len(runners) - len(aside))

    def show(self, not_read: Iterable[NotRead], read: int) -> None:
        """Report that these are not read and that `read` partitions are; log it if it changed."""
        found = tuple(sorted(not_read, key=lambda each: (each.topic, each.partition or 0)))
        topics = Counter(reason for _, reason in {(each.topic, each.reason) for each in found})
        for reason in Reason:
            self._metrics.topics_set_aside.labels(reason).set(topics[reason])
        self._metrics.topic_partitions_read.set(read)
        changed = {each[:3] for each in found} != {each[:3] for each in self._now}
        self._now = found
        if changed or (found and time.monotonic() - self._logged_at > REMIND_SECONDS):
            self._logged_at = time.monotonic()
            self._log()

    def lines(self) -> list[str]:
        """A line for each topic set aside; of many the first SHOWN."""
        rest = len(self._now) - SHOWN
        return [each.line() for each in self._now[:SHOWN]] + ([f"and {rest} more are set aside"] if rest > 0 else [])

    def _log(self) -> None:
        if not self._now:
            log.info("workspace topics: none is set aside any more")
            return
        shown: Sequence[str] = [f"{each.topic} ({each.reason})" for each in self._now[:SHOWN]]
        more = f" and {len(self._now) - SHOWN} more" if len(self._now) > SHOWN else ""
        log.warning(
            "workspace topics: %d are set aside, their usage is not counted: %s%s; /ready and `meter doctor` say why",
            len(self._now),
            ", ".join(shown),
            more,
        )


def _handled_to(runner: Runner) -> int:
    lane: Any = runner.lane
    return int(lane.aside_commit()[0])


def some(tps: Iterable[TP]) -> str:
    """The first three topic names, and how many more there are."""
    names = sorted({tp.topic for tp in tps})
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more topics" if len(names) > 3 else "")
