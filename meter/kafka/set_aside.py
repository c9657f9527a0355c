"""Workspace topics that are not read, and why: a reason for metrics, a sentence for people.

The reason for a partition that is set aside is in the group's commit, so any command can list it without the workers.
Topics whose name contains no workspace id, and those beyond METER_OWN_TOPICS_MAX, follow from the list of topics.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from aiokafka.admin import AIOKafkaAdminClient

from meter.kafka.commit_metadata import WHY, denied_by, is_aside
from meter.kafka.topics import Topics, followed, misnamed
from meter.settings import Settings

#: Characters of a sentence in a commit; Kafka takes 4,096 bytes of metadata (`offset.metadata.max.bytes`).
SENTENCE_LIMIT = 600
#: The sentence for a partition whose commit has none.
UNSAID = "the worker's log says why"


class Reason(StrEnum):
    """Why a workspace topic is not read."""

    COMPACTED = "compacted"
    NAME = "name"
    LIMIT = "limit"
    GONE = "records_gone"
    MADE_AGAIN = "made_again"
    OFFSET = "offset_set"
    UNREADABLE = "unreadable"
    DENIED = "denied"


class Why(str):
    """A sentence with the reason why a partition cannot be read on; `reason`: in a word."""

    reason: Reason

    def __new__(cls, reason: Reason, sentence: str) -> "Why":
        why = super().__new__(cls, sentence)
        why.reason = reason
        return why


class NotRead(NamedTuple):
    """A workspace topic (without the prefix) that is not read; `partition`: None if the whole topic is not."""

    topic: str
    partition: int | None
    reason: str
    sentence: str

    def line(self) -> str:
        """A line for people."""
        where = self.topic if self.partition is None else f"{self.topic}/{self.partition}"
        return f"{where} is set aside ({self.reason}): {self.sentence}"


def reason_of(why: str) -> Reason:
    """The reason in a word; UNREADABLE for a sentence without one."""
    return why.reason if isinstance(why, Why) else Reason.UNREADABLE


def why_text(why: str) -> str:
    """The end of a commit's metadata: the reason and the sentence."""
    return f"{WHY}{reason_of(why)}: {why[:SENTENCE_LIMIT]}"


def why_of(metadata: str) -> tuple[str, str]:
    """Reason and sentence in the metadata of a commit that sets its partition aside."""
    reason, _, sentence = metadata.partition(WHY)[2].partition(": ")
    return (reason, sentence) if sentence else (Reason.UNREADABLE, UNSAID)


def not_followed(topics: Topics, names: Iterable[str], limit: int) -> list[NotRead]:
    """The workspace topics that no worker reads: for their name, or because there are too many."""
    there = list(names)
    wrong = "the name holds no workspace id (1 to 64 of A-Z a-z 0-9 . _ -, first a letter or digit); send to another"
    many = f"METER_OWN_TOPICS_MAX is {limit}, so the first {limit} by name are read; raise it on every worker"
    found = [NotRead(topics.bare(name), None, Reason.NAME, wrong) for name in misnamed(topics, there)]
    return found + [NotRead(topics.bare(name), None, Reason.LIMIT, many) for name in followed(topics, there, limit)[1]]


def _denied(place: str) -> NotRead:
    topic, _, partition = place.rpartition("/")
    return NotRead(topic, int(partition), Reason.DENIED, f"the intake may not read it; grant Read on {topic}")


async def set_aside(settings: Settings, admin: AIOKafkaAdminClient) -> list[NotRead]:
    """All workspace topics that are not read, by name; may raise KafkaError."""
    topics = Topics.of(settings.topic_prefix)
    there = set(await admin.list_topics())
    found = not_followed(topics, there, settings.own_topics_max)
    for (topic, partition), at in (await admin.list_consumer_group_offsets(topics.own_intake_group)).items():
        if topic in there and is_aside(at.metadata or ""):
            found.append(NotRead(topics.bare(topic), partition, *why_of(at.metadata)))
        if topic == topics.journal:
            found += [_denied(place) for place in denied_by(at.metadata or "")]
    return sorted(found, key=lambda each: (each.topic, each.partition or 0))
