"""Identifies the meter under a prefix by its output topics' ids; recreated topics have other ids."""

import logging
from collections.abc import Mapping
from hashlib import sha256
from typing import NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from agents.journal.facts_reader import OpeningRefused, opening, reading
from meter.budgets.topics import BudgetTopics
from meter.dashboard.calendar import Calendar
from meter.errors import UserError
from meter.kafka.access import may
from meter.kafka.rights import Operation
from meter.kafka.topic_ids import TopicState, topic_operations, topic_states
from meter.kafka.topics import Topics
from meter.settings import Settings

log = logging.getLogger(__name__)


class PublishingMeter(NamedTuple):
    """The meter's id, as the file stores it, and the partitions of each topic to read."""

    id: str
    partitions: dict[str, int]
    #: The id of the budget topics; empty if they are missing or may not be read.
    budgets: str

    def places(self) -> list[tuple[str, int]]:
        """Every partition to read."""
        return [(topic, number) for topic, count in self.partitions.items() for number in range(count)]


class BudgetTopicsThere(NamedTuple):
    """The existing budget topics, and their id."""

    id: str
    states: dict[str, TopicState]


async def adopt_facts(settings: Settings, topics: Topics, calendar: Calendar) -> None:
    """Use the calendar in the journal's opening, if we may read it: our own settings may differ from the workers'."""
    try:
        async with reading(settings.kafka_client_kwargs()) as reader:
            found = await opening(reader, topics)
    except (KafkaError, OpeningRefused):
        return  # keep the settings; the workers report a broken journal
    if found is None:
        return
    facts = (found.time_zone, found.close_grace_seconds, found.restatement_horizon_days)
    ours = (settings.billing_time_zone, settings.close_grace_seconds, settings.restatement_horizon_days)
    names = ("METER_BILLING_TIME_ZONE", "METER_CLOSE_GRACE_SECONDS", "METER_RESTATEMENT_HORIZON_DAYS")
    pairs = zip(names, ours, facts, strict=True)
    other = [f"{name} is {one}, the meter's is {fact}" for name, one, fact in pairs if one != fact]
    if other and calendar.facts != facts:
        log.warning("dashboard: %s; showing days as the meter counts them", "; ".join(other))
    calendar.adopt(*facts)


async def meter_of(admin: AIOKafkaAdminClient, topics: Topics) -> PublishingMeter:
    """The meter under a prefix; raises UserError if its topics do not exist yet."""
    found = await topic_states(admin, topics.outputs)
    missing = [name for name in topics.outputs if name not in found]
    if missing:
        raise UserError(
            f"there is no meter under the prefix {topics.prefix!r} yet: {', '.join(missing[:3])} "
            f"and {len(missing) - min(3, len(missing))} more topics are missing; `meter worker` creates them"
        )
    budgets = await budgets_there(admin, topics)
    partitions = {name: state.partitions for name, state in (found | budgets.states).items()}
    return PublishingMeter(_id(found), partitions, budgets.id)


async def budgets_there(admin: AIOKafkaAdminClient, topics: Topics) -> BudgetTopicsThere:
    """The budget topics, both or none: `meter budget watch` creates them, and reading them needs a separate right."""
    names = BudgetTopics.of(topics.prefix)
    every = (names.budgets, names.alerts)
    allowed = await topic_operations(admin._client, every)
    if not all(may(allowed.get(name) or 0, Operation.READ) for name in every):
        return BudgetTopicsThere("", {})
    found = await topic_states(admin, every, certain=False)
    return BudgetTopicsThere(_id(found), found) if len(found) == len(every) else BudgetTopicsThere("", {})


def _id(states: Mapping[str, TopicState]) -> str:
    """An id that changes when topics are recreated."""
    words = " ".join(f"{name}={states[name].id}/{states[name].partitions}" for name in sorted(states))
    return sha256(words.encode()).hexdigest()
