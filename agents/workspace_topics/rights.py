"""Workspace topics that this worker may not read: recognized although they look deleted, and noted for the day's end.

Kafka accepts no commit for a topic without the right to read it. So the commit of the topic's share (the journal
partition with its number, in the same group) names it as set aside; otherwise closing a day would wait for it for ever.
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
    """Those of the topics that exist but that Kafka no longer shows to this worker; raises KafkaError."""
    names = sorted(set(topics))
    found = await topic_operations(client, names) if names else {}
    return {name for name, operations in found.items() if operations is None}


def not_shown(topic: str) -> Why:
    """Why a hidden topic is set aside."""
    return Why(Reason.DENIED, f"Kafka does not show {topic} any more; grant the rights Describe and Read")


def denied(runners: Mapping[TP, Runner], bare: Callable[[str], str], share_of: Callable[[str], int]) -> dict[str, int]:
    """The partitions that may not be read, as `usage.w/0`, with the number of their share."""
    aside = {tp: reason_of(runner.why) for tp, runner in runners.items() if runner.aside}
    places = [tp for tp, why in aside.items() if why is Reason.DENIED]
    return {f"{bare(tp.topic)}/{tp.partition}": share_of(tp.topic) for tp in places}


class ShareNotes:
    """The notes in the commits of this worker's shares: which partitions may not be read."""

    def __init__(self, journal: str) -> None:
        self._journal = journal
        self._noted: dict[int, str] = {}

    def due(self, shares: Iterable[int], denied: Mapping[str, int]) -> dict[TP, tuple[int, str]]:
        """The commits whose note changes; `denied`: partitions (`usage.w/0`) with the number of their share."""
        places: dict[int, list[str]] = defaultdict(list)
        for place, share in denied.items():
            places[share].append(place)
        notes = {share: denied_note(places[share]) for share in shares}
        self._noted = {share: text for share, text in self._noted.items() if share in notes}
        return {TP(self._journal, share): (0, text) for share, text in notes.items() if self._noted.get(share) != text}

    def committed(self, tp: TP, text: str) -> bool:
        """Whether a committed offset is of a share; if so, keep its note."""
        if tp.topic != self._journal:
            return False
        self._noted[tp.partition] = text
        return True
