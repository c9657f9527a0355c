"""The watch over the topics a worker began with: one that is deleted, made again or grown under it ends the worker.

aiokafka knows topics by name. Where one goes its partitions are no longer assigned, which looks like having nothing to
do; a new one of the same name is read on at the old offset, and written on as if the old content were there.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import AsyncExitStack

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from meter.admin import connected_admin
from meter.settings import Settings
from meter.topic_ids import TopicState, topic_states
from meter.topics import Topics, wanted_topics
from meter.trouble import Trouble

log = logging.getLogger(__name__)

#: How often the topics are looked at.
LOOK_SECONDS = 2.0
#: A look may take this long; no answer is no difference.
ASK_SECONDS = 10.0
#: A topic is gone when it was not there so many looks in a row: a broker that has just started may not know it yet.
GONE_LOOKS = 3


class TopicsChanged(Trouble):
    """A topic is no longer the one that the worker began with."""


class TopicWatch:
    """The topics as they were at the start, and the looks at them since."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._bare = Topics.of(settings.topic_prefix).bare
        self._exact = {spec.name: spec.exact_partitions for spec in wanted_topics(settings)}
        self._admin: AIOKafkaAdminClient | None = None
        self._open = AsyncExitStack()
        self._missed = 0
        self.known: Mapping[str, TopicState] = {}

    async def start(self) -> None:
        """Remember the topics as they are."""
        self._admin = await self._open.enter_async_context(connected_admin(self._settings))
        self.known = await asyncio.wait_for(topic_states(self._admin, self._exact), ASK_SECONDS)

    async def stop(self) -> None:
        await self._open.aclose()

    async def run(self) -> None:
        """Look until something differs; raises TopicsChanged then."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """One look."""
        assert self._admin is not None, "the watch is started before it looks"
        try:
            there = await asyncio.wait_for(topic_states(self._admin, self._exact), ASK_SECONDS)
        except (KafkaError, OSError, TimeoutError) as error:
            log.debug("the topics could not be looked at (%r)", error)
            return
        self._missed = self._missed + 1 if self.known.keys() - there.keys() else 0
        wrong = [line for name in self.known if (line := self._difference(name, there.get(name))) is not None]
        if wrong:
            raise TopicsChanged("; ".join(wrong))

    def _difference(self, name: str, now: TopicState | None) -> str | None:
        then, bare = self.known[name], self._bare(name)
        if now is None:
            gone = (
                f"{bare} was deleted while the meter ran; restore it, or start the worker again: it says what is left"
            )
            return gone if self._missed >= GONE_LOOKS else None
        if now.id != then.id:
            return (
                f"{bare} was deleted and made again while the meter ran (another topic id under its name); "
                "start the worker again: it says what to do"
            )
        if self._exact[name] and now.partitions != then.partitions:
            return f"{bare} must have {then.partitions} partitions, it has {now.partitions} since the meter runs"
        return None
