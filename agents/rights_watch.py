"""The watch over rights and connections: what is taken away while a worker runs ends it, with the reason.

aiokafka keeps some refusals to itself (who may not read a group waits for ever), and goes on by old connections when a
password no longer holds. So Kafka is asked now and then, by a new connection, what it is asked at a start. A broker
that is away is no reason to end: the worker waits for it, and says so.
"""

import asyncio
import logging
import time
from collections.abc import Sequence

from aiokafka.errors import KafkaError

from meter.kafka.access import missing
from meter.kafka.admin import connected_admin
from meter.kafka.reachability import BrokerUnreachable
from meter.kafka.rights import MissingRights, Operation, Right, least, workspace_topics
from meter.settings import Settings

log = logging.getLogger(__name__)

#: How often Kafka is asked.
LOOK_SECONDS = 4.0
#: Once something is missing it is asked again so soon; a grant that is being replaced is missing for a moment.
AGAIN_SECONDS = 1.0
#: One look may take this long; no answer is no difference.
ASK_SECONDS = 10.0
#: What does not change by waiting was met so many times in a row: a broker that starts may not know its users yet.
LASTING_LOOKS = 3
#: A broker that is away is mentioned this often.
TELL_SECONDS = 30.0


class RightsWatch:
    """Looks at the rights of a role."""

    def __init__(self, settings: Settings, who: str, rights: Sequence[Right]) -> None:
        self._settings = settings
        self._who = who
        self._rights = [*rights, *([workspace_topics(settings, Operation.DESCRIBE)] if settings.own_topics_max else [])]
        self._lacking: list[Right] = []
        self._lasting = 0
        self._tell_after = 0.0

    async def run(self) -> None:
        """Look until something is missing for good; raises the reason then."""
        while True:
            await asyncio.sleep(AGAIN_SECONDS if self._doubtful() else LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """One look."""
        try:
            lacking = await asyncio.wait_for(self._ask(), ASK_SECONDS)
        except BrokerUnreachable as reason:
            self._away(reason)
            return
        except (KafkaError, OSError, TimeoutError) as error:
            log.debug("the rights could not be asked for (%r)", error)
            return
        self._lasting = 0
        still = [right for right in lacking if right in self._lacking]
        self._lacking = lacking
        if any(not sets_aside(self._settings, right) for right in still):
            raise MissingRights(self._settings, self._who, least(still))

    def _doubtful(self) -> bool:
        return self._lasting > 0 or any(not sets_aside(self._settings, right) for right in self._lacking)

    async def _ask(self) -> list[Right]:
        async with connected_admin(self._settings) as admin:
            return await missing(admin, self._rights, self._settings.partitions)

    def _away(self, reason: BrokerUnreachable) -> None:
        self._lasting = self._lasting + 1 if reason.lasting else 0
        if self._lasting >= LASTING_LOOKS:
            raise reason
        if time.monotonic() >= self._tell_after:
            self._tell_after = time.monotonic() + TELL_SECONDS
            log.warning("%s; waiting for it", reason)


def sets_aside(settings: Settings, right: Right) -> bool:
    """Whether the loss of a right sets workspace topics aside, one by one, and does not end the worker.

    Without Describe they would look like topics that were deleted, so that one ends it.
    """
    return right in (workspace_topics(settings, each) for each in (Operation.READ, Operation.DESCRIBE_CONFIGS))
