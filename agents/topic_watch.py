"""Watches the topics a worker started with: one that is deleted, made again, grown, or given settings that a start
would refuse stops the worker.

aiokafka knows topics by name only. The partitions of a deleted topic are just no longer assigned, which looks like
having nothing to do; a new topic of the same name would be read and written on as if it were the old one.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError

from meter.batch.errors import Reopen
from meter.batch.stopping import spared
from meter.errors import UserError
from meter.kafka.admin import KNOWN_SECONDS, TopicsUnknown, connected_admin, topic_configs
from meter.kafka.topic_ids import TopicState, topic_states
from meter.kafka.topics import Found, Topics, judged, wanted_topics
from meter.settings import Settings

log = logging.getLogger(__name__)

#: How often the topics are checked.
LOOK_SECONDS = 2.0
#: A look may take this long; without an answer nothing changes.
ASK_SECONDS = 10.0
#: How soon a start asks again for a topic that the broker asked does not know.
UNKNOWN_SECONDS = 0.1
#: Every second look checks their settings too: a change is noticed within SPEC's 10 s.
SETTINGS_LOOKS = 2
#: Looks that fail for this long are logged.
SILENCE_SECONDS = 60.0
#: A topic is deleted when this many looks in a row miss it: a broker that just started may not know it yet.
GONE_LOOKS = 3


class TopicsChanged(UserError):
    """A topic is no longer the one that the worker started with."""


class TopicWatch:
    """The topics as they were at the start, compared every LOOK_SECONDS."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._bare = Topics.of(settings.topic_prefix).bare
        self._specs = wanted_topics(settings)
        self._exact = {spec.name: spec.exact_partitions for spec in self._specs}
        self._admin: AIOKafkaAdminClient | None = None
        self._open = AsyncExitStack()
        self._missed = 0
        self._looks = 0
        self._answered = time.monotonic()
        self._warned: set[str] = set()
        self.known: Mapping[str, TopicState] = {}

    async def start(self) -> None:
        """Keep ids and partition counts as they are now; after an error it can be called again."""
        if self._admin is None:
            self._admin = await self._open.enter_async_context(connected_admin(self._settings))
        deadline = time.monotonic() + KNOWN_SECONDS
        while unknown := sorted(self._exact.keys() - (there := await self._asked(self._admin)).keys()):
            if time.monotonic() > deadline:
                raise TopicsUnknown(f"no broker asked knows {', '.join(unknown)}; look at the broker")
            await asyncio.sleep(UNKNOWN_SECONDS)
        self.known = there

    async def _asked(self, admin: AIOKafkaAdminClient) -> Mapping[str, TopicState]:
        """The topics that a broker knows: each request may go to one that does not know a new topic yet."""
        try:
            return await asyncio.wait_for(topic_states(admin, self._exact), ASK_SECONDS)
        except TimeoutError as silence:
            raise KafkaConnectionError(f"no answer about the topics within {ASK_SECONDS:.0f} s") from silence

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
        self._looks += 1
        try:
            there = await spared(asyncio.wait_for(topic_states(self._admin, self._exact), ASK_SECONDS))
            if self._looks % SETTINGS_LOOKS == 0:
                await spared(self.look_at_settings())
        except (KafkaError, OSError, TimeoutError) as error:
            self._unanswered(error)
            return
        self._answered = time.monotonic()
        self._missed = self._missed + 1 if self.known.keys() - there.keys() else 0
        wrong = [line for name in self.known if (line := self._difference(name, there.get(name))) is not None]
        if wrong:
            raise TopicsChanged("; ".join(wrong))

    async def look_at_settings(self) -> None:
        """Raises TopicsChanged if a topic has settings that a start refuses, KafkaError if Kafka does not say."""
        assert self._admin is not None, "the watch is started before it looks"
        configs = await asyncio.wait_for(topic_configs(self._admin, self._specs), ASK_SECONDS)
        verdicts = [
            judged(spec, Found(spec.partitions, configs[spec.name]), self._settings.broker)
            for spec in self._specs
            if spec.name in configs
        ]
        refusals = [line for verdict in verdicts for line in verdict.refusals]
        if refusals:
            raise TopicsChanged("; ".join(f"changed while the meter ran: {line}" for line in refusals))
        warnings = {line for verdict in verdicts for line in verdict.warnings}
        for line in sorted(warnings - self._warned):
            log.warning("%s", line)
        self._warned = warnings

    async def require_settings(self) -> None:
        """`look_at_settings` for a partition that cannot go on without an answer: Reopen if Kafka does not say."""
        try:
            await spared(self.look_at_settings())
        except (KafkaError, OSError, TimeoutError) as silence:
            raise Reopen(f"the settings of the topics could not be asked ({silence!r})") from silence

    def _unanswered(self, error: Exception) -> None:
        """Without an answer nothing changes; after a minute without one, log that the topics are not watched."""
        silent = time.monotonic() - self._answered
        level = logging.WARNING if silent > SILENCE_SECONDS else logging.DEBUG
        log.log(level, "topics: not checked for %.0f s, Kafka does not answer (%r); asking again", silent, error)

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
