"""The laws of days that end: however they do, statements are the oracle's, and the first holds what came in time."""

from collections.abc import Iterable

from schemas import journal
from schemas.journal import DayClosed, Gathered, UsageGroup
from tables import keys
from tests import revisions
from tests.oracle import Place
from tests.oracle_statement_check import statement_differences
from tests.oracle_time import day_text
from tests.simulation.days import facts_of
from tests.simulation.disk import MemoryStore
from tests.simulation.judge import Evidence, PublishedRecord
from tests.simulation.kafka import Record


def statements_are_right(run: Evidence) -> Iterable[str]:
    """The last ones, of all days with usage or plans up to the last closed one."""
    opening = run.simulator.facts.closed_through
    closed = [closed_through(run, partition) for partition in run.partitions]
    partition_of = run.simulator.intakes[0].directory.partition_of
    plans = [plan for book in run.prediction.accounts.values() for plan in book.plans.values()]
    first = min([opening + 1, *(day for *_, day in run.prediction.figures), *(plan.first_day for plan in plans)])
    latest = revisions.latest(run.committed["statements"])
    told_by_orders = {day_text(day) for day in range(first, opening + 1)}
    with_usage = {(account, day_text(day)) for account, _, _, day in run.prediction.figures}
    for problem in statement_differences(run.prediction, latest, range(first, max(closed) + 1)):
        account, day = problem.split(":")[0].split("/")[:2]
        by_usage_only = day in told_by_orders and (account, day) not in with_usage
        if not by_usage_only and day <= day_text(closed[partition_of(account)]):
            yield problem


def the_first_statement_holds_what_came_in_time(run: Evidence) -> Iterable[str]:
    """All that reached Kafka before the day's end and the grace stands in the journal before its first close."""
    kafka_us = {sent.place: sent.kafka_ms * 1000 for sent in run.simulator.world.sent}
    for number, log in enumerate(run.journals):
        closing: dict[int, int] = {}
        for record in log.records:
            entry = journal.decode(record.value or b"")
            if isinstance(entry, DayClosed) and entry.day > run.simulator.facts.closed_through:
                closing.setdefault(entry.day, record.offset) if _in_time(run, entry.day, record.timestamp) else None
        for place, offset in first_places(log.records).items():
            for day, closed_at in closing.items():
                if kafka_us[place] < run.simulator.facts.closes_at_us(day) and offset > closed_at:
                    yield f"{place} was in time, but at {offset} in journal {number}, where {day} closed at {closed_at}"


def _in_time(run: Evidence, day: int, timestamp_ms: int) -> bool:
    return timestamp_ms * 1000 >= run.simulator.facts.closes_at_us(day)


def first_places(records: list[Record]) -> dict[Place, int]:
    """Where each source record stands first."""
    found: dict[Place, int] = {}
    for record in records:
        entry = journal.decode(record.value or b"")
        for group in entry.groups if isinstance(entry, Gathered) else ():
            if isinstance(group, UsageGroup):
                offsets = group.events().offset.tolist()
            else:
                offsets = [each.offset for each in group.entries]
            for offset in offsets:
                found.setdefault((group.topic, group.partition, offset), record.offset)
    return found


def restated_says_whether_the_day_was_closed(run: Evidence) -> Iterable[str]:
    """Restated is what is published of an account's day after its close: the entry with the account's first statement.

    Until then a workspace is stated, not restated, by the entries that close the account and by what changes it between
    them.
    """
    opening = day_text(run.simulator.facts.closed_through)
    for partition, log in enumerate(run.journals):
        entries = [journal.decode(record.value or b"") for record in log.records]
        closed: dict[tuple[str, str], int] = {}
        closing: set[tuple[str, str]] = set()
        for each in run.committed["statements"]:
            if each.partition == partition:
                day, revision = (each.value["account"], each.value["day"]), each.value["revision"]
                by_close = isinstance(entries[revision], DayClosed)
                if each.value["restated"] == (by_close or (day in closing and day not in closed)):
                    yield f"{each.key} at {revision}: restated is {each.value['restated']}"
                if by_close:
                    closing.add(day)
                    if "workspace" not in each.value:
                        closed[day] = revision
        for each in run.committed["overages"]:
            at = closed.get((each.value["account"], each.value["day"]), _never(each, opening))
            if each.partition == partition and each.value["restated"] != (each.value["revision"] > at):
                yield f"{each.key}: {each.value}, closed at {at}"


def _never(each: PublishedRecord, opening: str) -> float:
    """Where a day without a close of its own counts as closed: by the opening, or with the first late usage."""
    return -1 if each.value["day"] <= opening or each.value["restated"] else float("inf")


def nothing_is_left_of_expired_days(run: Evidence) -> Iterable[str]:
    """Rows of the owners' stores; cells and digests name their day, identity rows end with it."""
    for partition in run.partitions:
        facts = facts_of(run.simulator.seats[run.simulator.owners[partition], partition])
        if facts.sweeping is not None:
            yield f"journal {partition}: sweeping after {facts.sweeping!r}"
        if facts.expirable() > facts.expired_through:
            yield f"journal {partition}: expired through {facts.expired_through}, not {facts.expirable()}"
        disk = run.simulator.disks[run.simulator.owners[partition]][partition]
        for key, value in MemoryStore(disk).rows.items():
            day = day_of(key, value)
            if day is not None and day <= facts.expired_through:
                yield f"journal {partition}: {key!r} is left"


def day_of(key: bytes, value: bytes) -> int | None:
    """The day that a row belongs to."""
    if key[:1] in (keys.CELL, keys.STATED):
        return int.from_bytes(key[1:].partition(b"\0")[2][:4], "big")
    if key[:1] == keys.PACKED:
        return keys.packed_day(key)
    return int.from_bytes(value[-4:], "big") if key[:1] == keys.IDENTITY else None


def closed_through(run: Evidence, partition: int) -> int:
    return facts_of(run.simulator.seats[run.simulator.owners[partition], partition]).closed_through


LAWS = (
    statements_are_right,
    the_first_statement_holds_what_came_in_time,
    restated_says_whether_the_day_was_closed,
    nothing_is_left_of_expired_days,
)
