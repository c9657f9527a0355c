"""The closed days of an account, read as published: statements and plans, priced by the journal's catalog.

Statements are keyed by day and kept 400 days; they are published after their day ends, so older ones are skipped by
time.
"""

import time
from dataclasses import dataclass

from agents.journal.opening import recorded_under
from meter.advise.history import History, history_of
from meter.commands.account_state import plan_row, read
from meter.kafka.output_reader import Latest, open_outputs
from meter.kafka.topics import Topics
from meter.rules.state.journal_facts import JournalFacts
from meter.settings import Settings
from schemas.plans import Plan
from schemas.statements import AccountStatement, WorkspaceStatement

#: Days before the window from which statements are read: the account may have been idle this long.
IDLE_DAYS = 45
#: Producers' clocks are right to within a day.
CLOCK_MS = 86_400_000


@dataclass(frozen=True)
class ClosedDays:
    """What was read; `today`: the billing day on which it was read."""

    history: History
    facts: JournalFacts
    today: int

    @property
    def restatable(self) -> int:
        """How many of the days may still change."""
        first = self.today - self.facts.opening.restatement_horizon_days
        return sum(day.day >= first for day in self.history.days)


async def closed_days(settings: Settings, account: str, most_days: int) -> ClosedDays:
    """The account's newest closed days, at most `most_days`."""
    facts = (await recorded_under(settings)).facts
    today = facts.zone.day_of(time.time_ns() // 1000)
    topics = Topics.of(settings.topic_prefix)
    begins = f"{account}/".encode()
    plans: Latest[Plan] = Latest()
    days: Latest[AccountStatement] = Latest()
    parts: Latest[WorkspaceStatement] = Latest()
    async with open_outputs(settings, topics.plans, topics.statements, account=account) as reader:
        since = facts.zone.begin_of(today - most_days - IDLE_DAYS) // 1000 - CLOCK_MS
        await reader.pass_over(topics.statements, since)
        async for record in reader.until_now():
            if record.key is None or not record.key.startswith(begins):
                continue
            if record.topic == topics.plans:
                plans.take(read(record.topic, Plan, record.value))
            elif record.key.count(b"/") == 1:
                days.take(read(record.topic, AccountStatement, record.value))
            else:
                parts.take(read(record.topic, WorkspaceStatement, record.value))
    rows = [plan_row(plans.records[key]) for key in sorted(plans.records)]
    history = history_of(account, facts.catalog, rows, days.records.values(), parts.records.values(), most_days)
    return ClosedDays(history, facts, today)
