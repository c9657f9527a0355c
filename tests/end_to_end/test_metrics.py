"""What a worker shows on `/metrics`, from outside: true when it is asked, and there before anything happened."""

import time
from collections.abc import Iterator
from functools import partial
from math import isnan
from pathlib import Path

import pytest

from tests import records
from tests.agents.test_metrics import NAMED_BY_THE_CONTRACT
from tests.end_to_end.kafka import wait_until
from tests.end_to_end.test_own_topics import make_topic
from tests.end_to_end.workers import READY_SECONDS, Meter
from tests.meters import StartMeter
from tests.monitoring.expressions import RECORDED, of_dashboards, of_rules, selectors
from tests.oracle_reading import Settings
from tests.scenarios import midnight_zone
from tests.support.prometheus import Prometheus
from tests.support.promtool import promtool

pytestmark = pytest.mark.e2e

#: Midnight is far off: a test is on one day.
ZONE = midnight_zone(time.time_ns() // 1000, 12 * 3600)
EVENTS = 50
#: A worker says within so long what it knows.
SHOWN_SECONDS = 60.0


def now_us() -> int:
    return time.time_ns() // 1000


@pytest.fixture(scope="module")
def meter(module_meter: StartMeter) -> Iterator[Meter]:
    """A meter whose worker counted some usage, refused an order, and has a dead letter."""
    meter = module_meter(Settings(ZONE))
    worker = meter.start().wait_ready()
    before = worker.metrics()
    assert sum(value for (name, _), value in before.items() if name == "meter_records_total") == 0
    assert before["meter_dead_letters_total", '{reason="not_json"}'] == 0
    assert before["meter_orders_total", '{kind="purchase",outcome="refused"}'] == 0
    assert isnan(before["meter_newest_usage_timestamp_seconds", ""])
    usage = [records.usage("wksp", "api_calls", 10_000, now_us(), id=f"e-{number}") for number in range(EVENTS)]
    orders = [records.top_up("acct", "t-1", "5.00"), {**records.top_up("acct", "t-2", "5.00"), "currency": "EUR"}]
    meter.kafka.send([records.binding_message(records.binding("wksp", "acct"))])
    meter.kafka.send([*map(records.usage_message, usage), *map(records.order_message, orders)])
    meter.kafka.send([records.Message("usage", "wksp", b"{")])
    meter.settle()
    yield meter
    assert worker.stop() == 0


def test_what_happened_is_counted_by_what_became_of_it(meter: Meter) -> None:
    worker = meter.workers[0]
    worker.shows("meter_records_total", EVENTS + 4)
    worker.shows_samples(
        {
            ("meter_records_total", '{kind="order",outcome="counted"}'): 2,
            ("meter_orders_total", '{kind="top_up",outcome="accepted"}'): 1,
            ("meter_orders_total", '{kind="top_up",outcome="refused"}'): 1,
            ("meter_order_refusals_total", '{reason="currency_must_match"}'): 1,
            ("meter_dead_letters_total", '{reason="not_json"}'): 1,
        }
    )


def test_every_usage_event_has_a_publish_delay_and_the_newest_a_time(meter: Meter) -> None:
    worker = meter.workers[0]
    wait_until(
        "delays", lambda: worker.metric("meter_publish_delay_seconds_count") == EVENTS, SHOWN_SECONDS, meter.logs
    )
    shown = worker.metrics()
    assert shown["meter_publish_delay_seconds_bucket", '{le="+Inf"}'] == EVENTS
    assert 0 < shown["meter_publish_delay_seconds_sum", ""] < EVENTS * SHOWN_SECONDS
    assert abs(time.time() - shown["meter_newest_usage_timestamp_seconds", ""]) < 300


def test_an_idle_worker_waits_for_nothing_and_is_as_fresh_as_can_be(meter: Meter) -> None:
    worker = meter.workers[0]
    idle = ("meter_freshness_seconds", "meter_source_lag_records", "meter_journal_lag_records")
    wait_until("it is idle", lambda: [worker.metric(name) for name in idle] == [0, 0, 0], SHOWN_SECONDS, meter.logs)
    worker.shows_samples(
        {
            ("meter_ready", ""): 1,
            ("meter_partitions_assigned", ""): 4,
            ("meter_journal_partitions", ""): 4,
            **{
                (f"meter_source_partitions{assigned}", f'{{topic="{topic}"}}'): partitions
                for topic, partitions in (("usage", 4), ("workspaces", 1), ("plan-purchases", 1))
                for assigned in ("", "_assigned")
            },
        }
    )


def test_a_new_workspace_topic_shows_as_assigned(meter: Meter) -> None:
    worker, name = meter.workers[0], '{topic="workspace topics"}'
    make_topic(meter.kafka, "wksp")
    wait_until(
        "its topic is assigned",
        lambda: worker.metrics().get(("meter_source_partitions_assigned", name)) == 1,
        SHOWN_SECONDS,
        meter.logs,
    )


def test_a_worker_of_one_role_shows_no_number_of_the_other(meter: Meter) -> None:
    intake = meter.start("intake", role="intake")
    wait_until("it is ready", intake.ready, READY_SECONDS, meter.logs)
    names = {name for name, _ in intake.metrics()}
    assert "meter_journal_lag_records" not in names
    wait_until("its lag is known", lambda: intake.metric("meter_source_lag_records") == 0, SHOWN_SECONDS, meter.logs)
    assert intake.stop() == 0


def test_a_prometheus_that_scrapes_it_answers_every_panel_and_rule(meter: Meter, tmp_path: Path) -> None:
    worker = meter.workers[0]
    done = promtool("check", "metrics", stdin=worker.get("/metrics")[1].encode())
    assert set((done.stdout + done.stderr).splitlines()) <= {NAMED_BY_THE_CONTRACT}
    panels = dict(of_dashboards(rate_interval="30s"))  # a busy worker may miss a scrape
    # What only shows something where something is wrong.
    full = {where for where, expression in panels.items() if " > 0" not in expression}
    exported = {each.metric for _, expression in of_rules() for each in selectors(expression)} - RECORDED
    with Prometheus(tmp_path, f"127.0.0.1:{worker.port}") as prometheus:
        for expression in panels.values():
            prometheus.query(expression)  # fails where it is not understood
        asked = {**{where: panels[where] for where in full}, **{name: name for name in exported}}
        wait_until("all have data", lambda: empty(prometheus, asked) == set(), SHOWN_SECONDS, prometheus.log)
        wait_until("every rule is well", lambda: health(prometheus) == {"ok"}, SHOWN_SECONDS, prometheus.log)
        quiet = partial(firing, prometheus)  # the other role's worker came and went: partitions moved, records waited
        wait_until("nothing is wrong", lambda: not quiet(), SHOWN_SECONDS, lambda: str(quiet()))


def empty(prometheus: Prometheus, asked: dict[str, str]) -> set[str]:
    """Whose expressions have no result."""
    return {where for where, expression in asked.items() if not prometheus.query(expression)}


def health(prometheus: Prometheus) -> set[str]:
    """How the rules were evaluated."""
    return {rule["health"] for rule in prometheus.rules()}


def firing(prometheus: Prometheus) -> set[str]:
    """Alerts that fire, or will in a while."""
    return {rule["name"] for rule in prometheus.rules() if rule.get("state", "inactive") != "inactive"}
