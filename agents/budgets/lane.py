"""A partition of budgets while this process watches it: read again from the topics, then followed, its alerts
committed.

1. Fence the process that watched it before, and abort its open transaction. 2. Read the present budgets and alerts. 3.
Seek to the first figure that matters and read all figures again; commit the alerts that go beyond the published ones.
4. Once step 3 has caught up, publish every state that differs, then follow. A changed budget goes back to step 2.
"""

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import TopicPartition

from meter.advise.forecast import moment_of
from meter.advise.open_day import day_forecast
from meter.advise.replay import Replay
from meter.advise.samples import PAST_DAYS, Samples
from meter.batch.transactions import FencedProducer
from meter.budgets.account import AccountBudgets, SetBudget
from meter.budgets.estimates import estimate
from meter.budgets.partition import PartitionBudgets
from meter.budgets.periods import period_of
from meter.budgets.reading import Fetched, to_the_end
from meter.budgets.topics import BudgetTopics
from meter.commands.account_state import plan_row, read
from meter.kafka.topics import Topics
from meter.rules.billing_days import parse_day
from meter.rules.state.journal_facts import JournalFacts
from meter.settings import Settings
from schemas.balances import QuotaBalance
from schemas.budgets import Budget, BudgetAlert
from schemas.overages import Overage
from schemas.plans import Plan
from schemas.plurals import counted
from schemas.rows import Plan as PlanRow

log = logging.getLogger(__name__)

#: Assumes that the clocks of publishing workers are right to within an hour.
CLOCK_MS = 3_600_000


@dataclass
class Ground:
    """The state shared by all lanes of a process; `facts` are those last read.

    `reader` reads partitions to their ends, `consumer` follows them.
    """

    settings: Settings
    facts: JournalFacts
    topics: Topics
    budgets: BudgetTopics
    consumer: Any
    reader: Any

    def now_ms(self) -> int:
        """The time."""
        return time.time_ns() // 1_000_000

    def today(self) -> int:
        """The present billing day."""
        return self.facts.zone.day_of(self.now_ms() * 1000)


class BudgetLane:
    """One partition: `open` begins to watch it, `take` processes fetched records, `close` releases it."""

    def __init__(self, ground: Ground, partition: int) -> None:
        self.ground = ground
        self.partition = partition
        #: A budget changed, or a commit's outcome is unknown: everything is read again.
        self.stale = False
        self.watched = PartitionBudgets()
        self._producer = FencedProducer(
            ground.budgets.transactional_id(partition), ground.settings.kafka_client_kwargs()
        )
        self._samples: dict[str, Samples] = {}
        self._plans: dict[str, list[PlanRow]] = {}
        self._ends: Mapping[TopicPartition, int] = {}
        self._day = 0

    async def open(self) -> None:
        """Steps 1 to 3."""
        ground = self.ground
        self.stale = False
        await self._producer.stop()
        await self._producer.start()  # 1
        budgets, following = await self._budgets()  # 2
        alerts = [
            read(record.topic, BudgetAlert, record.value)
            for record in await self._to_the_end(ground.budgets.alerts)
            if record.value is not None
        ]
        self.watched = PartitionBudgets.of(budgets, alerts)
        self._day = ground.today()
        self._samples = {each.budget.account: Samples(ground.facts.zone) for each in budgets if each.budget.forecast}
        ground.consumer.seek(TopicPartition(ground.budgets.budgets, self.partition), following)
        await self._go_back()  # 3
        found, accounts = counted(len(budgets), "budget"), counted(len(self.watched.accounts), "account")
        log.info("budgets/%d: %s of %s", self.partition, found, accounts)

    async def close(self) -> None:
        """Release the partition: another process watches it from now on, or none."""
        await self._producer.stop()

    async def take(self, records: Iterable[Fetched]) -> None:
        """Process records fetched from the partition's topics; their alerts are committed before more is processed."""
        ground, alerts = self.ground, list[BudgetAlert]()
        figures: list[tuple[Overage | QuotaBalance, int]] = []
        for record in records:
            if record.topic == ground.budgets.budgets:
                self.stale = True
            elif record.value is not None and record.key.split(b"/", 1)[0].decode() in self.watched.accounts:
                figures.append((_figure(record, record.topic == ground.topics.overages), record.timestamp))
        for figure, at_ms in sorted(figures, key=lambda each: each[0].revision):
            alerts += self._taken(figure, at_ms)
        if not self.watched.live and await self._at_the_ends():  # 4
            alerts += self.watched.caught_up(self._day, ground.now_ms())
        await self._commit(alerts)

    async def tick(self) -> None:
        """Every quarter of an hour: publish estimates, forget days that no budget watches any more."""
        self._day = self.ground.today()
        self.watched.forget_before(self._day)
        for samples in self._samples.values():
            samples.forget_before(self._day)
        if self._samples and self.watched.live:
            self._plans = await self._plan_rows()
            await self._commit([alert for account in self._samples for alert in self._estimated(account)])

    def _taken(self, figure: Overage | QuotaBalance, at_ms: int) -> list[BudgetAlert]:
        samples = self._samples.get(figure.account)
        if isinstance(figure, Overage):
            if samples is not None:
                samples.take_overage(figure, parse_day(figure.day), at_ms)
            return self.watched.overage(figure, self._day, at_ms)
        if samples is not None:
            samples.take_balance(figure, parse_day(figure.day), at_ms)
        return self.watched.balance(figure, self._day, at_ms)

    def _estimated(self, name: str) -> list[BudgetAlert]:
        """The estimates of an account's budgets."""
        account, samples, ground = self.watched.accounts[name], self._samples[name], self.ground
        now_ms = ground.now_ms()
        moment = moment_of(ground.facts.zone, now_ms * 1000)
        today = samples.usage(moment.day, moment)
        past = {day: samples.usage(day, moment) for day in range(moment.day - PAST_DAYS, moment.day)}
        forecast = day_forecast(moment, today, past, self._plans.get(name, []), Replay(ground.facts.catalog))
        found: list[BudgetAlert] = []
        for known in self._with_forecast(account):
            period = period_of(known.budget.period, moment.day)
            value = estimate(account, known.budget, period, forecast, today, past)
            if value is not None:
                found += account.estimated(known, period, value, now_ms)
        return found

    def _with_forecast(self, account: AccountBudgets) -> list[SetBudget]:
        return [known for known in account.budgets.values() if known.budget.forecast]

    async def _commit(self, alerts: list[BudgetAlert]) -> None:
        """Publish in one transaction; if its outcome is unknown, the lane begins again."""
        if not alerts:
            return
        rows = [(alert.record_key().encode(), alert.json_bytes()) for alert in alerts]
        await self._producer.commit([(self.ground.budgets.alerts, self.partition, rows)])

    async def _budgets(self) -> tuple[list[SetBudget], int]:
        """The present budgets, and the offset after the last record read."""
        found: dict[bytes, SetBudget | None] = {}
        zone = self.ground.facts.zone
        for record in await self._to_the_end(self.ground.budgets.budgets):
            found[record.key] = None
            if record.value is not None:
                budget = read(record.topic, Budget, record.value)
                day = zone.day_of(record.timestamp * 1000)
                found[record.key] = SetBudget(budget, record.offset + 1, record.timestamp, day)
        tp = TopicPartition(self.ground.budgets.budgets, self.partition)
        return [each for each in found.values() if each is not None], await self.ground.reader.position(tp)

    async def _plan_rows(self) -> dict[str, list[PlanRow]]:
        found: dict[bytes, Plan] = {}
        for record in await self._to_the_end(self.ground.topics.plans):
            if record.value is not None and record.key.split(b"/", 1)[0].decode() in self._samples:
                found[record.key] = read(record.topic, Plan, record.value)
        rows: dict[str, list[PlanRow]] = {}
        for plan in found.values():
            rows.setdefault(plan.account, []).append(plan_row(plan))
        return rows

    async def _to_the_end(self, topic: str) -> list[Fetched]:
        """All records of the partition that are committed by now."""
        return await to_the_end(self.ground.reader, topic, self.partition)

    async def _go_back(self) -> None:
        """Follow figures from the first day that matters; without budgets, from now on."""
        ground, consumer = self.ground, self.ground.consumer
        figures = [
            TopicPartition(topic, self.partition) for topic in (ground.topics.overages, ground.topics.quota_balances)
        ]
        self._ends = await consumer.end_offsets(figures)
        first = self.watched.first_day(self._day)
        found: Mapping[TopicPartition, Any] = {}
        if first is not None:
            first = min(first, self._day - PAST_DAYS) if self._samples else first
            since = ground.facts.zone.begin_of(first) // 1000 - CLOCK_MS
            found = await consumer.offsets_for_times(dict.fromkeys(figures, since))
        for tp in figures:
            offset = found.get(tp)
            consumer.seek(tp, self._ends[tp] if offset is None else offset.offset)

    async def _at_the_ends(self) -> bool:
        return all([await self.ground.consumer.position(tp) >= end for tp, end in self._ends.items()])


def _figure(record: Fetched, over: bool) -> Overage | QuotaBalance:
    assert record.value is not None, "only records with a value hold figures"
    return read(record.topic, Overage, record.value) if over else read(record.topic, QuotaBalance, record.value)
