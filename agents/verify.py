"""`meter verify`: recounts the journal while the meter runs, and compares the published figures with the recount.

It recounts up to the journal's present end, after giving the meter time to fold that far. Outputs are read afterwards;
a key that changed meanwhile is compared by its revision at that journal record.
"""

import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from aiokafka.errors import KafkaError

from agents.journal.facts_reader import recorded
from agents.journal.reader import Span, ends_of, open_journal, records, spans_of
from meter.errors import UserError
from meter.kafka.admin import connected_admin, partition_counts
from meter.kafka.output_reader import open_outputs
from meter.kafka.partitioner import partition_of
from meter.kafka.topics import OUTPUT_RETENTION_DAYS, Topics
from meter.rules.billing_days import day_text
from meter.rules.state.journal_facts import JournalFacts
from meter.settings import Settings
from meter.verify.catalog import PriceBook
from meter.verify.comparison import Verified, Wanted, compare_figures, compare_orders, compare_wallets
from meter.verify.differences import OUTCOMES, OVERAGES, PLANS, WALLETS
from meter.verify.plans import Plan
from meter.verify.published import Published
from meter.verify.recount import Recount, RecountConfig
from meter.verify.retained import first_whole_day, plans_of
from schemas.catalog import catalog_from_json
from schemas.journal import decode
from schemas.plurals import counted

NO_METER = "no meter ran under this prefix, METER_TOPIC_PREFIX names another"


async def verify(settings: Settings, account: str | None, day: int | None) -> Verified:
    """Recount and compare; UserError for what the user can fix."""
    started = time.perf_counter()
    topics = Topics.of(settings.topic_prefix)
    await _require_journal(settings, topics)
    try:
        async with open_journal(settings) as reader:
            known = await recorded(reader, topics)
            if known is None:
                raise UserError(f"{topics.journal} is empty; {NO_METER}")
            verified = await _Verifying(settings, topics, reader, known.facts, account, day).run()
    except KafkaError as error:
        raise UserError(
            f"verifying stopped: {type(error).__name__}: {error}; look at the broker, then again"
        ) from error
    verified.seconds = time.perf_counter() - started
    return verified


async def _require_journal(settings: Settings, topics: Topics) -> None:
    """Check that the topics exist before reading them: Kafka might create them."""
    async with connected_admin(settings) as admin:
        there = await partition_counts(admin)
    missing = [topic for topic in (topics.journal, topics.changelog) if topic not in there]
    if missing:
        raise UserError(f"there is no topic {', '.join(missing)} at {settings.broker}; {NO_METER}")


def _cut(plan: Plan) -> bool:
    """Whether a plan's published history no longer includes its first day."""
    return plan.known_from() > plan.first_day


class _Verifying:
    """One run."""

    def __init__(
        self, settings: Settings, topics: Topics, reader: Any, facts: JournalFacts, account: str | None, day: int | None
    ) -> None:
        self.settings, self.topics, self.reader, self.facts = settings, topics, reader, facts
        self.account, self.day = account, day
        self.verified = Verified()
        count = facts.opening.partitions
        self.partition_of: Callable[[str], int] = lru_cache(100_000)(lambda name: partition_of(name, count))
        self.partitions = list(range(count)) if account is None else [self.partition_of(account)]

    async def run(self) -> Verified:
        """1 find the journal's ends, 2 recount, 3 read what was published, 4 compare."""
        spans = await spans_of(self.reader, self.topics, self.partitions)  # 1
        self._note_unfolded(spans)
        whole = all(span.begin == 0 for span in spans.values())
        bounds = {partition: span.bound for partition, span in spans.items()}
        plans, left = (None, frozenset[str]()) if whole else await self._published_plans(bounds)
        recounts = [await self._recount(partition, span, plans) for partition, span in spans.items()]  # 2
        names = [OVERAGES, OUTCOMES, WALLETS] if whole and self.day is None else [OVERAGES]
        published = {name: Published(name, bounds, self.partition_of) for name in names}
        await self._read(published)  # 3
        ends = await ends_of(self.reader, self.topics.journal, self.partitions)
        for topic in published.values():
            topic.beyond(ends)
            self.verified.differences += topic.differences
        wanted = Wanted(self._first_day(spans, plans or {}), self.account, self.day, left)
        compare_figures(self.verified, recounts, published[OVERAGES], wanted)  # 4
        if OUTCOMES in published:
            compare_orders(self.verified, recounts, published[OUTCOMES], wanted)
            compare_wallets(self.verified, recounts, published[WALLETS], wanted, self.facts.opening.currency)
        return self.verified

    def _note_unfolded(self, spans: Mapping[int, Span]) -> None:
        for partition, span in spans.items():
            if span.bound < span.end:
                self.verified.notes.append(
                    f"{self.topics.journal}/{partition} is folded up to offset {span.bound} of {span.end}: "
                    "verified up to there; is a worker running?"
                )

    def _first_day(self, spans: Mapping[int, Span], plans: Mapping[str, list[Plan]]) -> int:
        """The first day whose usage is all in the journal and whose figures are all in the outputs."""
        zone = self.facts.zone
        first = zone.day_of(time.time_ns() // 1000) - OUTPUT_RETENTION_DAYS + 1
        for partition, span in spans.items():
            if span.begin > 0:
                day = first_whole_day(zone, span.first_ms)
                first = max(first, day)
                self.verified.notes.append(
                    f"{self.topics.journal}/{partition} begins at offset {span.begin}: days from {day_text(day)} on "
                    "can be verified, by the plans as published; orders and wallets cannot"
                )
        known = max((plan.known_from() for those in plans.values() for plan in those if _cut(plan)), default=first)
        if known > first:
            self.verified.notes.append(f"published plans go back to {day_text(known)}: verified from there on")
        return max(first, known)

    async def _recount(self, partition: int, span: Span, plans: Mapping[str, list[Plan]] | None) -> Recount:
        opening = self.facts.opening
        book = PriceBook(catalog_from_json(opening.catalog), self.facts.zone)
        if span.begin > 0:
            for entry in self.facts.announced:
                book.announce(entry.version, entry.decided_offset, entry.decided_ms)
        recount = Recount(RecountConfig(opening, self.facts.zone, plans, self.account), book)
        async for record in records(self.reader, self.topics.journal, partition, span.begin, span.bound):
            recount.take(record.offset, record.timestamp, decode(record.value))
        recount.forget_identities()
        return recount

    async def _published_plans(self, bounds: Mapping[int, int]) -> tuple[dict[str, list[Plan]], frozenset[str]]:
        """Published plans by account, and the accounts that are left out because their plans changed since."""
        published = Published(PLANS, bounds, self.partition_of)
        await self._read({PLANS: published})
        plans = plans_of(published)
        self.verified.differences += published.differences
        left = frozenset(account for _, account, _ in published.later.values())
        if left:
            self.verified.notes.append(f"{counted(len(left), 'account')} with plans changed since left out")
        return plans, left

    async def _read(self, published: Mapping[str, Published]) -> None:
        """Read topics to their ends, past open transactions."""
        names = {self.settings.topic_prefix + name: topic for name, topic in published.items()}
        async with open_outputs(self.settings, *names, account=self.account) as outputs:
            async for record in outputs.to_the_end(settled=True):
                names[record.topic].take(record.partition, (record.key or b"").decode(errors="replace"), record.value)
