"""Workspace topics that Kafka does not let us read: found though they look deleted, and named for the day's end.

Kafka takes no commit for a topic that we may not read, so that it is set aside stands in the commit of its share: of
the journal partition whose number the topic belongs to, in the same group. Without that every day would wait for it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from aiokafka.client import AIOKafkaClient
from faust.types import TP

from meter.batch.lanes import Runner
from meter.kafka.commit_metadata import denied_note
from meter.kafka.set_aside import Reason, Why, reason_of
from meter.kafka.topic_ids import topic_operations


async def hidden(client: AIOKafkaClient, topics: Iterable[str]) -> set[str]:
    """Those of the topics that Kafka does not show us any more, though they were not deleted; raises KafkaError."""
    names = sorted(set(topics))
    found = await topic_operations(client, names) if names else {}
    return {name for name, operations in found.items() if operations is None}


def not_shown(topic: str) -> Why:
    """Why a hidden topic is set aside."""
    return Why(Reason.DENIED, f"Kafka does not show {topic} any more; grant the rights Describe and Read")


def denied(runners: Mapping[TP, Runner], bare: Callable[[str], str], share_of: Callable[[str], int]) -> dict[str, int]:
    """The partitions that we may not read, as `usage.w/0`, each with the number of its share."""
    aside = {tp: reason_of(runner.why) for tp, runner in runners.items() if runner.aside}
    places = [tp for tp, why in aside.items() if why is Reason.DENIED]
    return {f"{bare(tp.topic)}/{tp.partition}": share_of(tp.topic) for tp in places}


class ShareNotes:
    """What the commits of our shares say, and what they should."""

    def __init__(self, journal: str) -> None:
        self._journal = journal
        self._said: dict[int, str] = {}

    def due(self, shares: Iterable[int], denied: Mapping[str, int]) -> dict[TP, tuple[int, str]]:
        """The commits that say something new; `denied` partitions (`usage.w/0`) with the number of their share."""
        places: dict[int, list[str]] = defaultdict(list)
        for place, share in denied.items():
            places[share].append(place)
        notes = {share: denied_note(places[share]) for share in shares}
        self._said = {share: text for share, text in self._said.items() if share in notes}
        return {TP(self._journal, share): (0, text) for share, text in notes.items() if self._said.get(share) != text}

    def committed(self, tp: TP, text: str) -> bool:
        """Whether a commit that was taken is of a share; then it is remembered."""
        if tp.topic != self._journal:
            return False
        self._said[tp.partition] = text
        return True
