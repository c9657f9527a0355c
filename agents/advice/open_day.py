"""The open day of an account and the days before it, read as published: overages, balances and plans.

Six past days: compaction may take running figures away once they are seven days old, and leaves the last ones only.
"""

import time
from dataclasses import dataclass

from agents.journal.opening import recorded_under
from meter.advise.forecast import Moment, moment_of
from meter.advise.open_day import DayForecast, Watched, day_forecast
from meter.advise.replay import Replay
from meter.commands.account_state import plan_row, read
from meter.kafka.output_reader import Latest, open_outputs
from meter.kafka.topics import Topics
from meter.rules.billing_days import day_text
from meter.rules.state.journal_facts import JournalFacts
from meter.settings import Settings
from schemas.balances import QuotaBalance
from schemas.overages import Overage
from schemas.plans import Plan

PAST_DAYS = 6
#: Producers' clocks are right to within an hour.
CLOCK_MS = 3_600_000


@dataclass(frozen=True)
class OpenDay:
    """An account's open day; `plans`: as published."""

    account: str
    facts: JournalFacts
    forecast: DayForecast
    plans: tuple[Plan, ...]


async def open_day(settings: Settings, account: str) -> OpenDay:
    """The account's current day, with its forecast."""
    facts = (await recorded_under(settings)).facts
    moment = moment_of(facts.zone, time.time_ns() // 1000)
    days = range(moment.day - PAST_DAYS, moment.day + 1)
    watched = Watched({day_text(day): _cut_off(facts, moment, day) for day in days})
    plans = await _filled(settings, account, watched, facts.zone.begin_of(days[0]) // 1000 - CLOCK_MS)
    past = {day: watched.days[day_text(day)] for day in days[:-1]}
    rows = [plan_row(plan) for plan in plans]
    today = watched.days[day_text(moment.day)]
    forecast = day_forecast(moment, today, past, rows, Replay(facts.catalog))
    return OpenDay(account, facts, forecast, plans)


def _cut_off(facts: JournalFacts, moment: Moment, day: int) -> int:
    return moment.at_the_same_share(facts.zone, day) // 1000


async def _filled(settings: Settings, account: str, watched: Watched, since_ms: int) -> tuple[Plan, ...]:
    """Fill the days with the records published since then; answers the account's plans."""
    topics = Topics.of(settings.topic_prefix)
    begins = f"{account}/".encode()
    plans: Latest[Plan] = Latest()
    names = (topics.plans, topics.overages, topics.quota_balances)
    async with open_outputs(settings, *names, account=account) as reader:
        for topic in names[1:]:
            await reader.pass_over(topic, since_ms)
        async for record in reader.until_now():
            if record.key is None or not record.key.startswith(begins):
                continue
            if record.topic == topics.plans:
                plans.take(read(record.topic, Plan, record.value))
            elif record.topic == topics.overages:
                watched.take_overage(read(record.topic, Overage, record.value), record.timestamp)
            else:
                watched.take_balance(read(record.topic, QuotaBalance, record.value), record.timestamp)
    return tuple(plans.records[key] for key in sorted(plans.records))
