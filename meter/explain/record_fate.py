"""`meter explain --record`: what became of one record that a producer sent, whatever that was.

It is searched where it must have left a trace: dead letters, journal, the intake's commit. The journal keeps it for
longer than its day can change; a record without any trace has expired.
"""

from typing import Any, Literal

from aiokafka.errors import KafkaError

from agents.journal.facts_reader import recorded
from agents.journal.reader import folded_position
from meter.commands.skip import input_topic
from meter.errors import UserError
from meter.explain.dead import DeadPlaces, LetterRow
from meter.explain.log_reader import LogReader, open_logs
from meter.explain.model import Fate, RecordFate, Where
from meter.explain.published import SLACK_US
from meter.explain.record_search import Found, Search
from meter.explain.words import short
from meter.kafka.admin import connected_admin, partition_counts
from meter.kafka.topics import OWN, Topics
from meter.rules.billing_days import day_text
from meter.settings import Settings
from schemas.reasons import may_count_later
from tables import keys

Kind = Literal["usage", "workspace", "order"]
KINDS: dict[str, Kind] = {"workspaces": "workspace", "plan-purchases": "order"}
LOG_APPEND_TIME = 1


async def fate_of(settings: Settings, topic: str, partition: int, offset: int) -> RecordFate:
    """The fate of a record; `topic` with or without the prefix. Mistakes of the user raise `UserError`."""
    where = Where(topic=input_topic(settings, topic), partition=partition, offset=offset)
    topics = Topics.of(settings.topic_prefix)
    async with connected_admin(settings) as admin:
        there = await partition_counts(admin)
        if partition not in range(there.get(topics.prefix + where.topic, 0)):
            held = there.get(topics.prefix + where.topic, 0)
            raise UserError(f"there is no {where.topic}/{partition}: {where.topic} has {held} partitions")
        group = topics.own_intake_group if where.topic.startswith(OWN) else topics.intake_group
        committed = {
            (place.topic, place.partition): commit.offset
            for place, commit in (await admin.list_consumer_group_offsets(group)).items()
        }.get((topics.prefix + where.topic, partition), 0)
    try:
        async with open_logs(settings) as logs:
            return await fate(logs, topics, where, committed)
    except KafkaError as error:
        raise UserError(f"looking stopped: {type(error).__name__}: {error}; look at the broker, then again") from error


async def fate(logs: LogReader, topics: Topics, where: Where, committed: int) -> RecordFate:
    """The fate of a record from open logs; `committed`: the intake's next offset in its source partition."""
    logs.needles[topics.changelog] = (keys.POSITION, keys.FACTS)
    return await _Asking(topics, logs, where, committed).answer()


class _Asking:
    """One question. `committed`: the intake's next offset in the source partition."""

    def __init__(self, topics: Topics, logs: LogReader, where: Where, committed: int) -> None:
        self._topics, self._logs, self._where, self._committed = topics, logs, where, committed
        self._kind: Kind = KINDS.get(where.topic, "usage")

    async def answer(self) -> RecordFate:
        """1 the record itself, 2 its dead letter, 3 its journal entry, 4 else why there is neither."""
        where, topic = self._where, self._topics.prefix + self._where.topic
        low, high = await self._logs.bounds(topic, where.partition)
        if where.offset >= high:
            return self._fate("not_there_yet", f"{self._name()} is not there yet: the partition ends at {high}.")
        record = await self._record(topic) if where.offset >= low else None  # 1
        if where.offset >= low and record is None:
            return self._fate(
                "gone",
                f"{self._name()} holds no committed record: it is a transaction's marker, or part of an aborted "
                "transaction, which counts as never sent.",
            )
        if record is not None and record.value is None:
            return self._fate("null", f"{self._name()} has no value (a tombstone): it is ignored, and counted as null.")
        known = await recorded(self._logs, self._topics)
        if known is None:
            raise UserError(f"{self._topics.journal} is empty; no meter ran under this prefix")
        search = Search(self._logs, self._topics, where, known.facts.opening.partitions, self._since_us(record))
        letters = await search.letters()  # 2
        found = await search.entry(self._kind)  # 3
        if found is not None:
            return await self._of_entry(search, found, letters, known.facts)
        if letters:
            return self._dead(letters[-1][1], None)
        return self._no_trace(low)  # 4

    async def _record(self, topic: str) -> Any | None:
        """The record at that offset."""
        where = self._where
        async for records in self._logs.lists(topic, where.partition, where.offset, where.offset + 1):
            return records[0]
        return None

    def _since_us(self, record: Any | None) -> int | None:
        """When Kafka got the record, if known: none of its traces is older."""
        if record is None or record.timestamp_type != LOG_APPEND_TIME:
            return None
        return int(record.timestamp) * 1000 - SLACK_US

    async def _of_entry(
        self, search: Search, found: Found, letters: list[tuple[int, LetterRow]], facts: Any
    ) -> RecordFate:
        """The journal has it: counted, refused, a repeat, dead by the fold, or not folded yet."""
        folded = await folded_position(self._logs, self._topics.changelog, found.journal_partition)
        if found.journal_offset >= folded:
            return self._fate(
                "not_handled_yet",
                f"{self._name()} is in the journal ({found.journal_partition}/{found.journal_offset}) and not handled "
                f"yet: the meter is at {folded} there; is a worker running?",
                found,
            )
        dead = DeadPlaces()
        for partition, letter in letters:
            if partition == found.journal_partition:
                dead.take(letter)
                if dead.holds(self._where.topic, self._where.partition, self._where.offset):
                    return self._dead(letter, found)
        if self._kind == "order":
            return await self._order(search, found)
        if self._kind == "workspace":
            return self._fate("counted", f"{self._name()} counts: {self._what(found)}; {_revision(found)}.", found)
        return await self._usage(search, found, facts)

    async def _usage(self, search: Search, found: Found, facts: Any) -> RecordFate:
        first = await search.first_of(found, facts.zone.begin_of(found.day) - SLACK_US)
        if first is None or first == self._where:
            return self._fate("counted", f"{self._name()} counts: {self._what(found)}; {_revision(found)}.", found)
        return self._fate(
            "duplicate",
            f"{self._name()} is a duplicate of {first.topic}/{first.partition} offset {first.offset}, which counts: "
            f"the same workspace, source, id and content ({self._what(found)}).",
            found,
            duplicate_of=first,
        )

    async def _order(self, search: Search, found: Found) -> RecordFate:
        outcome = await search.outcome(found)
        if outcome is None:
            return self._fate("not_handled_yet", f"{self._name()} is not decided yet.", found)
        first = self._where
        if outcome.revision != found.journal_offset or not found.first_of_record:
            decided = await search.order_at(found, outcome.revision)
            first = decided or first
        if first != self._where:
            return self._fate(
                "duplicate",
                f"{self._name()} is a duplicate of {first.topic}/{first.partition} offset {first.offset}: order "
                f"{found.order_id} of {found.account} was decided there, and {outcome.outcome}.",
                found,
                duplicate_of=first,
            )
        if outcome.outcome == "refused":
            return self._fate(
                "refused",
                f"{self._name()} is refused: order {found.order_id} of {found.account}: {outcome.reason}: "
                f"{outcome.error}; its outcome has revision {outcome.revision}.",
                found,
                reason=outcome.reason,
                error=outcome.error,
            )
        return self._fate("counted", f"{self._name()} is accepted: {self._what(found)}; {_revision(found)}.", found)

    def _dead(self, letter: LetterRow, found: Found | None) -> RecordFate:
        many = f"one of {letter.records:,} records in a shared dead letter; the first: " if letter.records else ""
        return self._fate(
            "dead",
            f"{self._name()} does not count: {letter.reason}: {many}{letter.error}. "
            f"Its dead letter is kept: {_mend(letter)}.",
            found,
            reason=letter.reason,
            error=letter.error,
        )

    def _no_trace(self, low: int) -> RecordFate:
        where = self._where
        if self._committed <= where.offset:
            return self._fate(
                "not_handled_yet",
                f"{self._name()} is not handled yet: the intake continues at offset {self._committed}; is a worker "
                "running, is the topic set aside, is its workspace known?",
            )
        if self._kind == "workspace" and where.offset >= low:
            return self._fate(
                "duplicate", f"{self._name()} changes nothing: an earlier record says the same of its workspace."
            )
        return self._fate(
            "gone",
            f"{self._name()} was handled, but its traces have expired: neither the dead letters nor the journal "
            "have it (the journal keeps a record for longer than its day can change).",
        )

    def _name(self) -> str:
        return f"{self._where.topic}/{self._where.partition} offset {self._where.offset}"

    def _what(self, found: Found) -> str:
        if self._kind == "workspace":
            return f"{found.workspace} belongs to {found.account}"
        if self._kind == "order":
            return f"order {found.order_id} of {found.account}"
        days = f" at {found.retention} days" if found.retention else ""
        return f"{short(found.quantity)} of {found.item}{days} of {found.workspace} on {day_text(found.day)}"

    def _fate(
        self,
        fate: Fate,
        sentence: str,
        found: Found | None = None,
        duplicate_of: Where | None = None,
        reason: str | None = None,
        error: str | None = None,
    ) -> RecordFate:
        usage = found if found is not None and self._kind == "usage" else None
        return RecordFate(
            sentence=sentence,
            record=self._where,
            fate=fate,
            kind=self._kind,
            account=found.account if found else None,
            workspace=found.workspace or None if found else None,
            item=usage.item if usage else None,
            day=day_text(usage.day) if usage else None,
            quantity=usage.quantity if usage else None,
            retention_days=usage.retention or None if usage else None,
            order_id=found.order_id or None if found else None,
            revision=found.journal_offset if found and fate in ("counted", "refused") else None,
            duplicate_of=duplicate_of,
            reason=reason,
            error=error,
        )


def _revision(found: Found) -> str:
    return f"the figures it changed have revision {found.journal_offset}"


def _mend(letter: LetterRow) -> str:
    if letter.records or may_count_later(letter.reason, letter.error):
        return f"`meter redrive --reason {letter.reason}` shows what could be sent again"
    return "sent again unchanged, it would die again; correct it at the sender"
