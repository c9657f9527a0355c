"""Watches rights and connections: a right or password taken away while the worker runs stops it with the reason.

aiokafka does not report some refusals (a member without the right to its group waits for ever), and keeps using old
connections after a password changed. So the start's questions are asked again every few seconds by a new connection.
An unreachable broker does not stop the worker: it waits, and logs that.
"""

import asyncio
import logging
import time
from collections.abc import Sequence

from aiokafka.errors import KafkaError

from meter.batch.stopping import spared
from meter.kafka.access import missing
from meter.kafka.admin import connected_admin
from meter.kafka.reachability import BrokerUnreachable
from meter.kafka.rights import MissingRights, Operation, Right, least, workspace_topics
from meter.settings import Settings

log = logging.getLogger(__name__)

#: How often Kafka is asked.
LOOK_SECONDS = 4.0
#: A missing right is asked for again this soon: while a grant is replaced it is missing for a moment.
AGAIN_SECONDS = 1.0
#: One look may take this long; without an answer nothing changes.
ASK_SECONDS = 10.0
#: A lasting failure (a wrong password) must be seen this often in a row: a starting broker may not know its users yet.
LASTING_LOOKS = 3
#: How often an unreachable broker is logged.
TELL_SECONDS = 30.0


class RightsWatch:
    """Watches the rights of a role."""

    def __init__(self, settings: Settings, who: str, rights: Sequence[Right]) -> None:
        self._settings = settings
        self._who = who
        self._rights = [*rights, *([workspace_topics(settings, Operation.DESCRIBE)] if settings.own_topics_max else [])]
        self._lacking: list[Right] = []
        self._lasting = 0
        self._tell_after = 0.0

    async def run(self) -> None:
        """Look until a right is missing for good; raises the reason then."""
        while True:
            await asyncio.sleep(AGAIN_SECONDS if self._doubtful() else LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """One look."""
        try:
            lacking = await spared(asyncio.wait_for(self._ask(), ASK_SECONDS))
        except BrokerUnreachable as reason:
            self._away(reason)
            return
        except (KafkaError, OSError, TimeoutError) as error:
            log.debug("rights: Kafka could not be asked (%r)", error)
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
    """Whether losing a right only sets workspace topics aside, instead of stopping the worker.

    Losing Describe stops it: the topics would look deleted.
    """
    return right in (workspace_topics(settings, each) for each in (Operation.READ, Operation.DESCRIBE_CONFIGS))
