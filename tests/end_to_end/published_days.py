"""Closed days of an account as a meter would have published them, put on the output topics of a real Kafka.

No meter can be run for weeks in a test: the days are folded by the meter's own rules, by clocks of the test's, and what
they publish goes where a worker would have written it.
"""

import json
from collections.abc import Callable, Mapping
from datetime import date, timedelta

from meter.kafka.partitioner import partition_of
from tests import records
from tests.end_to_end.workers import Meter
from tests.oracle_time import day_text
from tests.rules.days_world import Days

#: Workspace -> (item, quantity, retention) of a day.
Used = Callable[[int], Mapping[str, tuple[str, int, int | None]]]


def folded(
    account: str, workspaces: list[str], today: int, days: int, used: Used, listed: list[str], zone: str
) -> Days:
    """So many closed days before `today` (an ordinal), in a zone of fixed offset: a Startup plan from the fifth on."""
    first = date.fromordinal(today - days)

    def at(day: int, hour: int) -> str:
        return f"{first + timedelta(day)}T{hour:02}:00:00{zone}"

    story = Days(at(0, 1), zone)
    for name in workspaces:
        story.bind(name, account, day_text(first.toordinal() - 1))
    story.order(records.top_up(account, "t-0", "42000"), at(0, 2))
    for day in range(days + 1):
        if day:
            story.close_through(day_text(first.toordinal() + day - 1), at(day, 2))
        if day == days:
            break
        if day == 4:
            story.order(records.purchase(account, "o-0", "startup", listed, [records.pay("42000")]), at(day, 3))
        for who, (item, quantity, retention) in used(day).items():
            story.use(who, item, quantity, at(day, 12), retention=retention, id=f"{who}-{day}")
    return story


def publish(meter: Meter, account: str, told: Days) -> None:
    """Everything that the fold published on `plans` and `statements`, in its order, in the account's partition."""
    producer, failures = meter.kafka.producer, list[str]()
    partition = partition_of(account, len(meter.kafka.partitions("statements")))
    for topic, key, value in told.published:
        if topic in ("plans", "statements"):
            producer.produce(
                meter.kafka.prefix + topic,
                json.dumps(value).encode(),
                key=key.encode(),
                partition=partition,
                on_delivery=lambda error, record: failures.append(str(error)) if error else None,
            )
    producer.flush(30)
    assert not failures, failures[:3]
