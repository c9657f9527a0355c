"""Checks of workspace topics while the worker runs; shared topics get the same checks at a start.

Each topic is checked before its first record is read, and again every few seconds: for a setting that loses records
before they are read (compaction), for another topic under the same name, and for a missing right.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAuthorizationFailedError, UnknownTopicOrPartitionError, for_code

from meter.kafka.admin import connected_admin, values
from meter.kafka.set_aside import Reason, Why
from meter.kafka.topic_ids import topic_states
from meter.kafka.topics import Found, Topics, judged, own_spec
from meter.settings import Settings

log = logging.getLogger(__name__)

#: Topics in one request, whose answer has about 100 KB.
PAGE_TOPICS = 500
#: With more topics than a page, one look asks about one of PARTS parts: all are checked within SPEC's 10 s.
PARTS = 3


class WorkspaceTopicChecks:
    """The ids of workspace topics, and the reasons why some may not be read."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._bare = Topics.of(settings.topic_prefix).bare
        self._admin: AIOKafkaAdminClient | None = None
        self._open = AsyncExitStack()
        self._part = 0
        self._refusals: dict[str, Why] = {}
        self._ids: dict[str, str] = {}

    async def start(self) -> None:
        self._admin = await self._open.enter_async_context(connected_admin(self._settings))

    async def stop(self) -> None:
        await self._open.aclose()

    def refusal(self, topic: str) -> Why | None:
        """Why a topic may not be read now; None if it may."""
        return self._refusals.get(topic)

    def topic_id(self, topic: str) -> str:
        """Kafka's id of the topic; empty if it is not known."""
        return self._ids.get(topic, "")

    def known(self, topic: str) -> bool:
        """Whether Kafka's id of the topic is known, or why it may not be read."""
        return topic in self._ids or topic in self._refusals

    def due(self, topics: Sequence[str]) -> Sequence[str]:
        """The part of these topics that this look asks about."""
        parts = min(PARTS, 1 + len(topics) // PAGE_TOPICS)
        self._part = (self._part + 1) % parts
        return topics[self._part :: parts]

    async def learn(self, topics: Sequence[str]) -> None:
        """Ask for ids and settings of these topics; raises KafkaError, TimeoutError."""
        for first in range(0, len(topics), PAGE_TOPICS):
            await self._learn(topics[first : first + PAGE_TOPICS])
            await asyncio.sleep(0)

    async def _learn(self, topics: Sequence[str]) -> None:
        admin = self._admin
        assert admin is not None, "the checks are started before they ask"
        states = await topic_states(admin, topics, certain=False)  # an error of one topic must not hide the others
        for topic in topics:
            if topic in states:
                self._ids[topic] = states[topic].id
            else:  # it is gone, or so new that the broker asked does not know it: an earlier id is another topic's
                self._ids.pop(topic, None)
        asked = [ConfigResource(ConfigResourceType.TOPIC, topic, dict(own_spec(topic).config)) for topic in topics]
        for answer in await admin.describe_configs(asked):
            for resource in answer.resources:
                self._judge(*resource[:5])

    def _judge(self, code: int, message: str, _: Any, topic: str, entries: Any) -> None:
        error = for_code(code)
        if error is UnknownTopicOrPartitionError:
            return
        why = self._why_not(topic, error, message) if code else self._why(topic, values(entries))
        if why is None:
            self._refusals.pop(topic, None)
        else:
            self._refusals[topic] = why

    def _why(self, topic: str, config: Mapping[str, str]) -> Why | None:
        refusals = judged(own_spec(topic), Found(1, config), self._settings.broker).refusals
        if not refusals:
            return None
        loses = "compaction removes usage that was acknowledged and not read yet"
        return Why(Reason.COMPACTED, f"{'; '.join(refusals)} ({loses}); it is read on within 10 s after that")

    def _why_not(self, topic: str, error: Any, message: str) -> Why:
        if error is TopicAuthorizationFailedError:
            right = f"the right DescribeConfigs on {topic} is missing: whether it loses records cannot be known"
            return Why(Reason.DENIED, f"{right}; grant it, the topic is read on within 10 s after that")
        return Why(Reason.UNREADABLE, f"the settings of {topic} cannot be read: {error.__name__}: {message}")
