"""Reads a cell's published records: revisions, plans, balance, statements, dead letters."""

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import BaseModel

from meter.commands.account_state import plan_row, read
from meter.explain.cell import Cell, Own
from meter.explain.dead import DeadPlaces, OwnLetters, read_letter
from meter.explain.history import Published, in_order
from meter.explain.log_reader import LogReader, More
from meter.kafka.topics import Topics
from schemas.balances import QuotaBalance
from schemas.catalog import Item, TrafficPackage
from schemas.overages import Overage
from schemas.plans import Plan as PlanRecord
from schemas.rows import NO_RETENTION, Plan
from schemas.statements import ItemDay, WorkspaceStatement

#: Records of `overages` searched for a key, newest first; beyond them the answer says that it may lack some.
LOOKED_THROUGH = 1_000_000
#: Clocks of workers, which write the times of outputs, and of the broker differ by less.
SLACK_US = 3_600_000_000

#: Later than any revision.
NEWEST = 1 << 62

ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Key:
    """A cell as seen from one workspace, and where its records go; `day_name`: `day` as text."""

    account: str
    workspace: str
    item: str
    day: int
    day_name: str
    partition: int

    @property
    def overage(self) -> str:
        """The key on `overages`."""
        return f"{self.account}/{self.workspace}/{self.item}/{self.day_name}"


@dataclass
class OfCell:
    """The published records that tell a cell's state where the journal does not."""

    balance: QuotaBalance | None = None
    statements: dict[str, WorkspaceStatement] = field(default_factory=dict)

    def seen_by(self, workspace: str, published: list[Published]) -> list[Published]:
        """The revisions that the balance includes: one read a moment later may be of a later transaction.

        A balance that names the workspace changes with its usage and overage, so newer revisions agree with it.
        """
        row = (
            None
            if self.balance is None
            else next((w for w in self.balance.workspaces if w.workspace == workspace), None)
        )
        if self.balance is None or row is None or not published:
            return published
        last = published[-1].record
        if (last.usage, last.overage) == (row.usage, row.overage):
            return published
        return [each for each in published if each.record.revision <= self.balance.revision]


class PublishedReader:
    """Reads the output topics of one meter."""

    def __init__(self, logs: LogReader, topics: Topics) -> None:
        self._logs, self._topics = logs, topics

    async def revisions(
        self, key: Key, since_us: int, through: int, most: int, until: int | None = None
    ) -> tuple[list[Published], str | None]:
        """The newest `most` revisions of the key up to `through`, in order, and why there may be others.

        `until`: the offset to begin at, backwards.
        """
        topic, wanted = self._topics.overages, key.overage.encode()
        low, high = await self._range(topic, key.partition, since_us)
        high = min(high, until or high)
        found: list[Published] = []
        reason = None
        more = More(most)
        async for begin, records in self._logs.newest_first(topic, key.partition, low, high, wanted, more=more):
            mine = [record for record in records if record.key == wanted and record.value is not None]
            found += [Published(read(topic, Overage, record.value), record.timestamp) for record in mine]
            fit = [each for each in found if each.record.revision <= through]
            more.found = len(fit)
            if len(fit) >= most or any(not each.record.previous_revision for each in fit):
                break
            if high - begin >= LOOKED_THROUGH and begin > low:
                reason = f"only the last {high - begin:,} records of {topic}/{key.partition} were looked through"
                break
        return [each for each in in_order(found) if each.record.revision <= through][-most:], reason

    async def offset_at(self, key: Key, time_us: int) -> int | None:
        """The offset on the key's partition of `overages` at which records of this instant and later begin."""
        return await self._logs.offset_at(self._topics.overages, key.partition, time_us)

    async def plans(self, key: Key, through: int, listing: Collection[str]) -> tuple[Plan, ...]:
        """The account's plans as of a revision; `listing`: those that listed the workspace then."""
        topic, begins = self._topics.plans, f"{key.account}/".encode()
        low, high = await self._logs.bounds(topic, key.partition)
        by_plan: dict[str, list[PlanRecord]] = {}
        async for records in self._logs.lists(topic, key.partition, low, high, begins):
            for record in records:
                if record.key is not None and record.key.startswith(begins) and record.value is not None:
                    plan = read(topic, PlanRecord, record.value)
                    by_plan.setdefault(plan.plan_id, []).append(plan)
        stood = (as_of(those, through, plan_id in listing) for plan_id, those in by_plan.items())
        return tuple(plan_row(plan) for plan in stood if plan is not None)

    async def letters(self, key: Key, partitions: int, since_us: int, own: OwnLetters) -> DeadPlaces:
        """Which records of the journal partition do not count; `own` takes the letters of the whole meter."""
        topic, dead = self._topics.dead_letters, DeadPlaces()
        for partition in range(partitions):
            low, high = await self._range(topic, partition, since_us)
            async for records in self._logs.lists(topic, partition, low, high):
                for record in records:
                    if record.value is not None:
                        letter = read_letter(record.value)
                        own.take(letter)
                        if partition == key.partition:
                            dead.take(letter)
        return dead

    async def balance(self, key: Key, since_us: int, through: int) -> QuotaBalance | None:
        """The newest balance of the cell up to a revision."""
        topic, wanted = self._topics.quota_balances, f"{key.account}/{key.item}/{key.day_name}".encode()
        return await self._newest(topic, key, since_us, wanted, QuotaBalance, lambda each: each.revision <= through)

    async def statements(self, key: Key, since_us: int, through: int) -> dict[str, WorkspaceStatement]:
        """The newest statements of all workspaces of the account's day, up to a revision."""
        topic, begins = self._topics.statements, f"{key.account}/{key.day_name}/".encode()
        low, high = await self._range(topic, key.partition, since_us)
        found: dict[str, WorkspaceStatement] = {}
        async for records in self._logs.lists(topic, key.partition, low, high, begins):
            for record in records:
                if record.key is not None and record.key.startswith(begins) and record.value is not None:
                    statement = read(topic, WorkspaceStatement, record.value)
                    if statement.revision <= through:
                        found[statement.workspace] = statement
        return found

    async def _newest(
        self, topic: str, key: Key, since_us: int, wanted: bytes, model: type[ModelT], fits: Callable[[ModelT], bool]
    ) -> ModelT | None:
        low, high = await self._range(topic, key.partition, since_us)
        async for _, records in self._logs.newest_first(topic, key.partition, low, high, wanted):
            for record in reversed(records):
                if record.key == wanted and record.value is not None:
                    one = read(topic, model, record.value)
                    if fits(one):
                        return one
        return None

    async def _range(self, topic: str, partition: int, since_us: int) -> tuple[int, int]:
        """From the first record of an instant (with some slack for clocks) to the end."""
        bounds, at = self._logs.bounds(topic, partition), self._logs.offset_at(topic, partition, since_us - SLACK_US)
        (low, high), since = await asyncio.gather(bounds, at)
        return (high if since is None else max(low, since)), high


def as_of(plans: Iterable[PlanRecord], revision: int, existed: bool) -> PlanRecord | None:
    """A plan as of a revision: its newest record up to it.

    Kafka keeps the newest record and all that are younger than the compaction lag, so between two that are kept none is
    missing. If none is old enough, the oldest kept record is used for a plan that `existed`.
    """
    rising = sorted(plans, key=lambda plan: plan.revision)
    before = [plan for plan in rising if plan.revision <= revision]
    return before[-1] if before else rising[0] if existed else None


def cell_as_published(
    key: Key,
    item: Item,
    plans: tuple[Plan, ...],
    currency: str,
    traffic: TrafficPackage | None,
    last: Overage | None,
    stands: OfCell,
) -> Cell:
    """The cell from published records alone: statements of a closed day, else the balance, else the overage."""
    usage = {who: line.usage for who, each in stands.statements.items() for line in _lines(each, key.item)}
    if not stands.statements and stands.balance is not None:
        usage = {each.workspace: each.usage for each in stands.balance.workspaces}
    own = _own(key, item, last, stands, usage.pop(key.workspace, 0))
    return Cell(key.account, key.day, item, plans, own, usage, currency, traffic)


def _lines(statement: WorkspaceStatement, item: str) -> list[ItemDay]:
    return [line for line in statement.items if line.item == item]


def _own(key: Key, item: Item, last: Overage | None, stands: OfCell, usage: int) -> Own:
    """The workspace's own usage, as far as it is published."""
    statement = stands.statements.get(key.workspace)
    if statement is not None:
        for line in _lines(statement, key.item):
            sums = {each.retention_days or NO_RETENTION: each.quantity for each in line.reported}
            return Own(key.workspace, line.usage, sums, False, None, statement.basis == "free")
    if last is not None:
        if last.basis == "pay_as_you_go":
            sums = {line.retention_days or NO_RETENTION: line.quantity for line in last.charge.lines}
            return Own(key.workspace, last.usage, sums, False)
        usage = last.usage
    if not usage:
        return Own(key.workspace)
    return Own(key.workspace, usage, None if item.retentions else {NO_RETENTION: usage}, False)
