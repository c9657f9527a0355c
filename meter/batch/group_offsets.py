"""The group's offsets: committing them with metadata, reading them, and confirming that a partition is still ours."""

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
from meter.batch.stopping import spared

log = logging.getLogger(__name__)

#: Pause after an error of the broker, in seconds.
RETRY_SECONDS = 0.5


class GroupOffsets(NoSingleOffsets):
    """Commits as a member of the consumer's group."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kafka: aiokafka.AIOKafkaConsumer = None
        #: Whether partitions are being revoked: the last chance to commit in this generation.
        self.revoking = False
        #: When the coordinator last assigned partitions or answered a heartbeat.
        self.heard = 0.0

    def listen(self) -> None:
        """Start noting when the coordinator was heard."""
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
        """Commit offsets with metadata for the group; False if a rebalance came in between."""
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
        """False while the group is joined again: the commit would wait behind the join with the old generation.

        It would fail, and aiokafka would take the failure for the end of the new membership.
        """
        joining = self.kafka._subscription.reassignment_in_progress and not self.revoking
        return self.kafka._coordinator.generation > 0 and not joining

    async def confirm(self, tp: TP, at: tuple[int, str] | None) -> bool:
        """Whether this member still owns `tp`, asked by a commit; waits while no broker answers."""
        while not self.should_stop:
            if tp not in self.assignment():
                return False
            try:
                if at is not None:
                    return await spared(self.commit_offsets({tp: at}))
                await spared(self.committed([tp]))
                return tp in self.assignment()
            except (KafkaError, TimeoutError) as error:
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
