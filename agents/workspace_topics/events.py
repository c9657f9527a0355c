"""Reads the events of many chunks of workspace topics at once, and judges them chunk by chunk.

What is common (a kind of event met before, within its limits) is looked up for all of them together; a chunk with
anything else in it is judged event by event, by all rules.
"""

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from agents.intake.cloudevents import opened_all
from agents.intake.intake import Intake
from agents.intake.small_groups import FewEvents
from agents.intake.usage_reader import AHEAD_LIMIT_US, LOG_APPEND_TIME, ParsedUsage
from schemas.journal import name_prefix

#: Kinds of events, and sources, that are remembered; beyond it they are learnt again.
KINDS_KEPT, SOURCES_KEPT = 50_000, 100_000


class Kind(NamedTuple):
    """What events of one item, retention and billing day have in common."""

    item: str
    retention: int
    day: int


class Columns(NamedTuple):
    """The events of some records, side by side; `kind`: None where it was not met before."""

    records: Sequence[Any]
    received_ms: Sequence[int]
    subject: Sequence[str | None]
    day: Sequence[int]
    kind: Sequence[Kind | None]
    quantity: Sequence[int]
    time_us: Sequence[int]
    source: Sequence[str]
    id: Sequence[str]


class EventReader:
    """Reads events of workspace topics, and remembers the kinds that it met."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._kinds: dict[tuple[str, int | None, str, int], Kind] = {}
        self._prefixes: dict[str, bytes] = {}

    def read(self, records: Sequence[Any]) -> Columns:
        """Decode records, of one chunk or of many, and look up what is known of them."""
        times, known = self._intake.reader.times, self._kinds.get
        now_ms, events = time.time_ns() // 1_000_000, opened_all(records)
        datas = [event.data for event in events]
        at = [times[event.time] for event in events]
        return Columns(
            records,
            [record.timestamp if record.timestamp_type == LOG_APPEND_TIME else now_ms for record in records],
            [event.subject for event in events],
            [day for _, day in at],
            [
                known((data.item, data.retention_days, event.type, day))
                for event, data, (_, day) in zip(events, datas, at, strict=True)
            ],
            [data.quantity for data in datas],
            [time_us for time_us, _ in at],
            [event.source for event in events],
            [event.id for event in events],
        )

    def few(self, columns: Columns, start: int, end: int, own: str) -> FewEvents | None:
        """The events of a chunk of workspace `own`; None if its lane must read it: not all are surely to be counted."""
        chunk = Columns(*[column[start:end] for column in columns])  # type: ignore[arg-type] # each of its own type
        offsets = [record.offset for record in chunk.records]
        if None in chunk.kind or not self._within_limits(chunk, own):
            return self._judged(chunk, own, offsets)
        kinds: Any = chunk.kind
        return FewEvents(kinds, chunk.quantity, chunk.time_us, offsets, chunk.source, self._of(chunk.source), chunk.id)

    def _within_limits(self, chunk: Columns, own: str) -> bool:
        """Whether all are surely the workspace's own, not negative, not too far ahead and not too old."""
        subjects, received = chunk.subject, chunk.received_ms
        return (
            subjects.count(own) + subjects.count(None) == len(subjects)
            and min(chunk.quantity) >= 0
            and max(chunk.time_us) - min(received) * 1000 <= AHEAD_LIMIT_US
            and min(chunk.day) >= self._intake.reader.oldest(max(received))
        )

    def _judged(self, chunk: Columns, own: str, offsets: Sequence[int]) -> FewEvents | None:
        """The events judged by all rules; None if one is dead, or the catalog of its day may still change."""
        read, final = [], self._intake.catalog.final_through
        for record, received_ms in zip(chunk.records, chunk.received_ms, strict=True):
            if record.value is None:
                return None
            try:
                event = self._intake.reader.read(record.value, record.headers, received_ms, own)
            except Exception:  # dead, or it breaks its reader: the lane finds out which, and goes on
                return None
            if event.day > final:
                return None
            read.append(event)
        sources = [event.source for event in read]
        return FewEvents(
            [self._kind(event) for event in read],
            [event.quantity for event in read],
            [event.time_us for event in read],
            offsets,
            sources,
            self._of(sources),
            [event.id for event in read],
        )

    def _kind(self, event: ParsedUsage) -> Kind:
        """Its kind; kept, unless the reference read it: as what it was written is not known then."""
        kind = Kind(event.item, event.retention, event.day)
        if event.given is not None:
            if len(self._kinds) >= KINDS_KEPT:
                self._kinds.clear()
            _, item, retention, event_type = event.given
            self._kinds[item, retention, event_type, event.day] = kind
        return kind

    def _of(self, sources: Sequence[str]) -> list[bytes]:
        """The part of an identity of each source."""
        known = self._prefixes
        return [known.get(source) or self._prefix(source) for source in sources]

    def _prefix(self, source: str) -> bytes:
        if len(self._prefixes) >= SOURCES_KEPT:
            self._prefixes.clear()
        prefix = self._prefixes[source] = name_prefix(source)
        return prefix
