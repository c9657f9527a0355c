"""The operations page: how long records wait, what the verdict says, what workers' metrics add up to."""

import asyncio
import math
import socket

import pytest

from meter.dashboard.operations_models import GroupView
from meter.dashboard.watch.arrivals import LOOKS, Arrivals
from meter.dashboard.watch.observed import verdict_of
from meter.dashboard.watch.workers import addresses, balance_of, parsed, workers

SECOND = 1_000_000


def test_the_oldest_waiting_record_is_as_old_as_the_first_look_that_saw_it() -> None:
    arrivals = Arrivals()
    assert arrivals.wait_us(0, 10, 10) is None
    assert arrivals.wait_us(5 * SECOND, 12, 10) == 0
    assert arrivals.wait_us(8 * SECOND, 20, 10) == 3 * SECOND
    assert arrivals.wait_us(9 * SECOND, 20, 12) == 1 * SECOND, "the first two are handled, the others came at 8 s"
    assert arrivals.wait_us(10 * SECOND, 20, 20) is None
    assert arrivals.wait_us(20 * SECOND, 21, 20) == 0


def test_looks_are_bounded_and_the_oldest_is_kept() -> None:
    arrivals = Arrivals()
    for second in range(10 * LOOKS):
        wait = arrivals.wait_us(second * SECOND, second + 1, 0)
        assert wait == second * SECOND
    assert len(arrivals._seen) <= LOOKS + 1


def group(name: str, members: int | None = 1, lag: int = 0, seconds: float | None = None) -> GroupView:
    return GroupView(
        group=name, role="folds", members=members, state="Stable", lag=lag, lag_seconds=seconds, partitions=[]
    )


@pytest.mark.parametrize(
    ("groups", "aside", "still", "level", "words"),
    [
        ([group("a"), group("b")], 0, 0.0, "good", "nothing waits"),
        ([group("a", lag=3, seconds=1.0)], 0, 0.0, "good", "3 records wait, the oldest for 1 s"),
        ([group("a", lag=1, seconds=1.0)], 0, 0.0, "good", "1 record waits, the oldest for 1 s"),
        ([group("a", lag=3_000, seconds=42.0)], 0, 0.0, "late", "3,000 records wait, the oldest for 42 s"),
        ([group("a", lag=3, seconds=90.0)], 0, 61.0, "bad", "Stuck"),
        ([group("a", lag=0)], 0, 600.0, "good", "nothing waits"),
        ([group("a", members=0), group("b", members=0, lag=7, seconds=9.0)], 0, 0.0, "bad", "No worker is running: 7"),
        ([group("a"), group("b", members=0, lag=7, seconds=9.0)], 0, 0.0, "bad", "No worker is in b"),
        ([group("a")], 2, 0.0, "late", "2 workspace topics are not read"),
    ],
)
def test_the_verdict_says_what_is_the_matter(
    groups: list[GroupView], aside: int, still: float, level: str, words: str
) -> None:
    sentence, found = verdict_of(groups, aside, still)
    assert (found, words in sentence) == (level, True), sentence


METRICS = """# HELP meter_records_total Input records
# TYPE meter_records_total counter
meter_records_total{kind="usage",outcome="counted"} 90.0
meter_records_total{kind="order",outcome="counted"} 5.0
meter_records_total{kind="usage",outcome="duplicate"} 3.0
meter_records_total{kind="usage",outcome="dead"} 1.0
meter_records_total{kind="usage",outcome="null"} 1.0
# TYPE meter_orders_total counter
meter_orders_total{kind="order",outcome="refused"} 2.0
# TYPE meter_build_info gauge
meter_build_info{version="0.1.0"} 1.0
# TYPE meter_freshness_seconds gauge
meter_freshness_seconds NaN
"""


def test_records_in_are_counted_duplicates_dead_and_null() -> None:
    balance = balance_of([parsed(METRICS), parsed(METRICS)])
    parts = (balance.counted, balance.duplicates, balance.dead, balance.null)
    assert (balance.records, *parts) == (200, 190, 6, 2, 2)
    assert (balance.difference, balance.refused) == (0, 4)


def test_an_outcome_that_nobody_knows_is_a_difference() -> None:
    strange = METRICS.replace('outcome="null"} 1.0', 'outcome="lost"} 1.0')
    assert balance_of([parsed(strange)]).difference == 1


def test_without_metrics_nothing_is_shown() -> None:
    balance = balance_of([])
    assert balance.records is None
    assert balance.difference is None
    assert math.isnan(parsed(METRICS)["meter_freshness_seconds", ""])


def test_addresses_may_leave_out_what_is_usual() -> None:
    assert addresses("") == []
    assert addresses("worker:6066, https://b/x/metrics,http://c:1/") == [
        "http://worker:6066/metrics",
        "https://b/x/metrics",
        "http://c:1/metrics",
    ]


def test_a_worker_that_is_down_is_said_in_words() -> None:
    with socket.socket() as taken:  # bound and not listening: whoever connects is refused
        taken.bind(("127.0.0.1", 0))
        found = asyncio.run(workers(f"127.0.0.1:{taken.getsockname()[1]}"))
    assert [(each.view.reachable, each.view.error) for each in found] == [(False, "connection refused")]
