"""The group's offsets: committed with their metadata, and asked for to learn whether a partition is still ours."""

import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any

import aiokafka
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata
from faust.types import TP

from meter.batch.single_offsets import NoSingleOffsets

log = logging.getLogger(__name__)

#: Pause after an error of the broker, in seconds.
RETRY_SECONDS = 0.5


class GroupOffsets(NoSingleOffsets):
    """Commits for the group whose member this consumer is."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kafka: aiokafka.AIOKafkaConsumer = None
        #: Being asked to give partitions away: the last moment to commit in this generation.
        self.revoking = False
        #: When the group's coordinator last gave us a share, or took a heartbeat of ours.
        self.heard = 0.0

    def listen(self) -> None:
        """From now on remember when the coordinator was heard."""
        coordinator = self.kafka._coordinator
        beat = coordinator._do_heartbeat

        async def remembered() -> bool:
            taken = bool(await beat())
            if taken:
                self.heard = time.monotonic()
            return taken

        coordinator._do_heartbeat = remembered

    def silence(self) -> float:
        """For how many seconds the group's coordinator has not been heard."""
        return time.monotonic() - self.heard

    def assignment(self) -> set[TP]:
        if self.kafka is None:
            return set()
        return {TP(tp.topic, tp.partition) for tp in self.kafka.assignment()}

    async def commit_offsets(self, offsets: Mapping[TP, tuple[int, str]]) -> bool:
        """Commit offsets with their metadata for the group; False when a rebalance got in between."""
        if not offsets:
            return True
        if not self._may_commit():
            return False
        try:
            await self.kafka.commit({TopicPartition(*tp): OffsetAndMetadata(*at) for tp, at in offsets.items()})
        except (CommitFailedError, IllegalStateError) as error:
            log.info("offsets not committed, the group is rebalancing (%s); they are committed after it", error)
            return False
        return True

    def _may_commit(self) -> bool:
        """Not while the group is joined anew: the commit would wait behind the join, with the generation before it.

        It would fail, and aiokafka would take that for the end of the membership that the join has just brought.
        """
        joining = self.kafka._subscription.reassignment_in_progress and not self.revoking
        return self.kafka._coordinator.generation > 0 and not joining

    async def confirm(self, tp: TP, at: tuple[int, str] | None) -> bool:
        """Whether the group still takes us for the owner of `tp`, asked by a commit; waits for a broker."""
        while not self.should_stop:
            if tp not in self.assignment():
                return False
            try:
                if at is not None:
                    return await self.commit_offsets({tp: at})
                await self.committed([tp])
                return tp in self.assignment()
            except KafkaError as error:
                log.warning("no answer about %s/%d (%r); asking again", tp.topic, tp.partition, error)
                await self.sleep(RETRY_SECONDS)
        return False

    async def committed(self, tps: Iterable[TP]) -> dict[TP, OffsetAndMetadata]:
        """The group's committed offsets with their metadata; a partition without one is left out."""
        wanted = [TopicPartition(*tp) for tp in tps]
        if not wanted:
            return {}
        found = await self.kafka._coordinator.fetch_committed_offsets(wanted)
        return {TP(tp.topic, tp.partition): at for tp, at in found.items() if at.offset >= 0}
