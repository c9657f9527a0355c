"""The dashboard beside a worker: the worked example's day as JSON, live, after a restart, and in SQL."""

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from meter.kafka.partitioner import partition_of
from meter.rules.billing_days import parse_time
from schemas.catalog import load_catalog
from tests import records
from tests.end_to_end.commands import begin, run
from tests.end_to_end.dashboards import SHOWN_SECONDS, DashboardProcess
from tests.end_to_end.kafka import wait_until
from tests.end_to_end.workers import Meter
from tests.meters import StartMeter
from tests.oracle_catalog import of_product
from tests.oracle_reading import Settings
from tests.oracle_time import billing_day, day_text
from tests.records import pay, traffic
from tests.scenarios import midnight_zone

pytestmark = pytest.mark.e2e

MILLION = 1_000_000
NOW_US = time.time_ns() // 1000
#: Midnight is far off, so that the example is told on one day.
ZONE = midnight_zone(NOW_US, 12 * 3600)
DAY = day_text(billing_day(NOW_US, ZONE))
CATALOG = Path(__file__).parents[2] / "meter" / "catalog.toml"
PAGE = f"/accounts/acme/days/{DAY}.json"


@pytest.fixture(scope="module")
def meter(module_meter: StartMeter) -> Meter:
    found = module_meter(Settings(ZONE, of_product(load_catalog(CATALOG)), 35))
    found.start("a").wait_ready()
    return found


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dashboard")


@pytest.fixture(scope="module")
def dashboard(meter: Meter, directory: Path) -> Iterator[DashboardProcess]:
    with DashboardProcess(meter, directory) as found:
        yield found.wait_ready()


def use(meter: Meter, workspace: str, quantity: int) -> None:
    event = records.usage(workspace, "logs", quantity, NOW_US, id=f"{workspace}-{quantity}")
    meter.kafka.send([records.usage_message(event)])
    meter.settle()


def shown(dashboard: DashboardProcess, workspace: str) -> dict[str, Any]:
    """A workspace's logs as the page has them now; empty before there are any."""
    status, _ = dashboard.ask(PAGE)
    items = dashboard.json(PAGE)["items"] if status == 200 else {}
    workspaces: list[dict[str, Any]] = items.get("logs", {"workspaces": []})["workspaces"]
    return next((each for each in workspaces if each["workspace"] == workspace), {})


def test_staging_goes_over_although_it_sent_nothing(meter: Meter, dashboard: DashboardProcess) -> None:
    lines = [traffic("logs", 110)]
    meter.kafka.send([records.binding_message(records.binding(name, "acme")) for name in ("acme-prod", "acme-staging")])
    meter.kafka.send([records.order_message(records.top_up("acme", "t", "1000000"))])
    order = records.purchase("acme", "o-1", "startup", ["acme-prod", "acme-staging"], [pay("103380")], traffic=lines)
    meter.kafka.send([records.order_message(order)])
    meter.settle()
    use(meter, "acme-staging", 100 * MILLION)
    wait_until(
        "staging is covered", lambda: shown(dashboard, "acme-staging").get("covered") == 100 * MILLION, SHOWN_SECONDS
    )
    use(meter, "acme-prod", 100 * MILLION)
    wait_until(
        "staging is over", lambda: shown(dashboard, "acme-staging").get("overage") == 50 * MILLION, SHOWN_SECONDS
    )

    day = {"account": "acme", "day": DAY, "state": "open", "amount": "75.00", "currency": "CNY", "statement": None}
    item = {"quota": 150 * MILLION, "covered": 150 * MILLION, "left": 0, "overage": 50 * MILLION, "charge": "75.00"}

    def complete() -> bool:  # balances come by another topic than figures
        page = dashboard.json(PAGE)
        logs = page["items"]["logs"]
        return {name: page[name] for name in day} == day and {name: logs[name] for name in item} == item

    wait_until("all of it is there", complete, SHOWN_SECONDS, lambda: str(dashboard.json(PAGE)))
    page = dashboard.json(PAGE)
    logs = page["items"]["logs"]
    assert [(each["workspace"], each["covered"], each["overage"], each["charge"]) for each in logs["workspaces"]] == [
        ("acme-prod", 100 * MILLION, 0, "0.00"),
        ("acme-staging", 50 * MILLION, 50 * MILLION, "75.00"),
    ]
    entry = page["feed"][0]
    assert entry["cause"]["workspaces"] == ["acme-prod"]
    assert entry["reported"] == {"acme-prod": 100 * MILLION}
    change = entry["changes"][0]
    assert (change["workspace"], change["overage_before"], change["overage"]) == ("acme-staging", 0, 50 * MILLION)
    assert (change["charge_delta"], change["sent"]) == ("75.00", False)
    assert parse_time(page["as_of"]["time"]) >= NOW_US


def test_every_page_answers_in_every_form(dashboard: DashboardProcess) -> None:
    pages = ("/index", f"/accounts/acme/days/{DAY}", "/accounts/acme/history", "/accounts/acme/plans", "/alerts")
    for page in (*pages, "/dead-letters", "/operations"):
        for form in ("", ".json", ".csv"):
            status, text = dashboard.ask(page + form)
            assert status == 200, f"{page}{form}: {status} {text}"

    def first() -> list[tuple[Any, ...]]:
        accounts = dashboard.json("/.json")["accounts"]
        shown = [(each["account"], each["amount"], each["highest"]["percent"]) for each in accounts]
        return [*shown, (accounts[0]["alerts_raised"],)]

    wait_until(
        "alerts are there", lambda: first() == [("acme", "75.00", 100), (2,)], SHOWN_SECONDS, lambda: str(first())
    )
    plans = dashboard.json("/accounts/acme/plans.json")
    assert [(plan["plan"]["plan_id"], plan["state"], plan["days_left"]) for plan in plans["plans"]] == [
        ("o-1", "in_force", 372)
    ]
    assert {each["outcome"]["order_id"] for each in plans["orders"]} == {"t", "o-1"}
    assert dashboard.ask("/accounts/acme")[0] == 302


def test_sql_on_the_file_gives_the_figures_of_the_page(dashboard: DashboardProcess, directory: Path) -> None:
    with closing(sqlite3.connect(f"{(directory / 'dashboard.sqlite').as_uri()}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT workspace, covered, overage, charge FROM cells ORDER BY workspace").fetchall()
    assert rows == [("acme-prod", 100 * MILLION, 0, "0.00"), ("acme-staging", 50 * MILLION, 50 * MILLION, "75.00")]


def test_a_dead_letter_is_priced_tried_and_counted(meter: Meter, directory: Path) -> None:
    use(meter, "acme-new", 3 * MILLION)
    written = {"METER_DASHBOARD_TOKEN": "read", "METER_DASHBOARD_WRITE_TOKEN": "write"}
    other = directory / "other"
    other.mkdir()
    with DashboardProcess(meter, other, **written) as dashboard:
        dashboard.wait_ready()
        bearer = {"Authorization": "Bearer write"}
        page = dashboard.json("/dead-letters.json", **bearer)
        assert [(group["reason"], group["source"], group["count"]) for group in page["groups"]] == [
            ("workspace_unknown", "usage", 1)
        ]
        assert page["groups"][0]["worth"][0]["usage"] == 3 * MILLION
        meter.kafka.send([records.binding_message(records.binding("acme-new", "acme"))])
        meter.settle()
        body = b"action=try&reason=workspace_unknown&source=usage"
        form = {"Content_Type": "application/x-www-form-urlencoded"}
        assert dashboard.ask("/dead-letters", "POST", body, Authorization="Bearer read", **form)[0] == 403
        assert dashboard.ask("/dead-letters", "POST", body, Origin="https://evil.example", **bearer, **form)[0] == 403
        assert dashboard.ask("/dead-letters", "POST", body, **bearer, **form)[0] == 303

        def attempt() -> Any:
            return dashboard.json("/dead-letters.json", **bearer)["attempts"][0]

        wait_until(
            "the attempt has ended", lambda: attempt()["state"] in ("done", "failed"), SHOWN_SECONDS, dashboard.log_text
        )
        assert [outcome["outcome"] for outcome in attempt()["outcomes"]] == ["counted"], attempt()
        wait_until("its charge is shown", lambda: amount(dashboard, bearer) == "79.50", SHOWN_SECONDS)


def amount(dashboard: DashboardProcess, bearer: dict[str, str]) -> str:
    found: str = dashboard.json(PAGE, **bearer)["amount"]
    return found


def lags(dashboard: DashboardProcess) -> list[int]:
    """Records that wait, by partition; one before the groups were looked at."""
    groups = dashboard.json("/operations.json")["groups"]
    return [each["lag"] for group in groups for each in group["partitions"]] or [1]


def test_operations_say_that_it_runs(meter: Meter, dashboard: DashboardProcess) -> None:
    wait_until("nothing waits", lambda: sum(lags(dashboard)) == 0, SHOWN_SECONDS, dashboard.log_text)
    wait_until("it is said to run", lambda: dashboard.json("/operations.json")["level"] == "good", SHOWN_SECONDS)
    page = dashboard.json("/operations.json")
    groups = {group["group"].removeprefix(meter.kafka.prefix): group for group in page["groups"]}
    assert {name: group["members"] for name, group in groups.items()} == {
        "meter-intake": 1,
        "meter-intake-own": 1,
        "meter": 1,
    }
    assert len(groups["meter"]["partitions"]) == 4
    assert page["balance"]["records"] is None


def test_workers_metrics_make_the_identity_of_records(meter: Meter, directory: Path) -> None:
    address = f"127.0.0.1:{meter.workers[0].port}"
    third = directory / "third"
    third.mkdir()
    with DashboardProcess(meter, third, METER_DASHBOARD_METRICS=address) as dashboard:
        dashboard.wait_ready()
        wait_until("metrics are read", lambda: dashboard.json("/operations.json")["balance"]["records"], SHOWN_SECONDS)
        page = dashboard.json("/operations.json")
        balance = page["balance"]
        parts = [balance[name] for name in ("counted", "duplicates", "dead", "null")]
        assert (sum(parts), balance["difference"]) == (balance["records"], 0)
        assert balance["dead"] == 1
        assert page["workers"][0]["ready"][0] == "ready"
        assert page["workers"][0]["partitions"] == 4


def test_two_days_are_compared_by_drivers_that_add_up(meter: Meter, dashboard: DashboardProcess) -> None:
    before = day_text(billing_day(NOW_US, ZONE) - 1)
    page = dashboard.json(f"/accounts/acme/history.json?from={before}&to={DAY}")
    compared = page["comparison"]
    charges = sum(Decimal(item["charge"]) for item in dashboard.json(PAGE)["items"].values())
    assert Decimal(compared["difference"]) == charges
    drivers = {each["driver"]: Decimal(each["amount"]) for each in compared["drivers"]}
    assert sum(drivers.values()) + Decimal(compared["rest"]) == charges
    assert drivers["workspaces_before"] or drivers["own_volume"], compared
    explained = dashboard.json(f"/explain/acme/acme-staging/logs/{DAY}.json")
    assert explained["charge"]["amount"] == shown(dashboard, "acme-staging")["charge"]


def test_the_workspaces_of_an_old_day_are_read_from_kafka(meter: Meter, dashboard: DashboardProcess) -> None:
    day = day_text(billing_day(NOW_US, ZONE) - 60)
    charge = {"amount": "1.50", "currency": "CNY", "lines": []}
    item = {"item": "logs", "reported": [], "usage": 5, "coverage": [], "covered": 2, "overage": 3, "charge": charge}
    workspace = {"account": "acme", "workspace": "acme-prod", "day": day, "basis": "package", "items": [item]}
    plans = [{"plan_id": "o-1", "items": [{"item": "logs", "quota": 2, "covered": 2, "unused": 0}]}]
    account = {"account": "acme", "day": day, "amount_due": "1.50", "currency": "CNY", "plans": plans, "workspaces": 1}
    rest = {"restated": False, "revision": 1}
    at_ms = NOW_US // 1000 - 59 * 86_400_000
    topic, partition = f"{meter.kafka.prefix}statements", partition_of("acme", 4)
    for key, record in ((f"acme/{day}/acme-prod", workspace), (f"acme/{day}", account)):
        content = json.dumps({**record, **rest})
        meter.kafka.producer.produce(topic, content, key, partition=partition, timestamp=at_ms)
    assert meter.kafka.producer.flush(30) == 0
    address = f"/accounts/acme/days/{day}.json"
    wait_until("the old day is known", lambda: dashboard.json(address)["statement"] is not None, SHOWN_SECONDS)
    page = dashboard.json(address)
    assert (page["state"], page["amount"], page["items"]["logs"]["left"]) == ("final", "1.50", 0)
    assert [(each["workspace"], each["overage"], each["charge"]) for each in page["items"]["logs"]["workspaces"]] == [
        ("acme-prod", 3, "1.50")
    ]


def test_days_are_shown_as_the_meter_counts_them_whatever_the_settings_say(meter: Meter, directory: Path) -> None:
    fourth = directory / "fourth"
    fourth.mkdir()
    other = {"METER_BILLING_TIME_ZONE": "Pacific/Kiritimati", "METER_RESTATEMENT_HORIZON_DAYS": "7"}
    with DashboardProcess(meter, fourth, **other) as dashboard:
        dashboard.wait_ready()
        page = dashboard.json(PAGE)
        assert (page["time_zone"], len(page["strip"])) == (ZONE, 36)
        assert "METER_BILLING_TIME_ZONE is Pacific/Kiritimati, the meter's is" in dashboard.log_text()


def test_a_budget_that_is_set_later_is_shown_with_its_states(meter: Meter, dashboard: DashboardProcess) -> None:
    assert dashboard.json(PAGE)["budgets"] == []
    watching = begin(meter, "budget", "watch")
    try:
        wait_until("the topics are there", lambda: {"budgets", "budget-alerts"} <= meter.kafka.topics(), SHOWN_SECONDS)
        assert run(meter, "budget", "set", "acme", "cap", "--money", "50.00")[0] == 0

        def states() -> list[tuple[int, str]]:
            budgets = dashboard.json(PAGE)["budgets"]
            return [(each["threshold"], each["state"]) for budget in budgets for each in budget["states"]]

        wait_until(
            "both are raised", lambda: states() == [(80, "raised"), (100, "raised")], SHOWN_SECONDS, dashboard.log_text
        )
    finally:
        watching.kill()
        watching.communicate()
    (budget,) = dashboard.json(PAGE)["budgets"]
    assert (budget["budget"]["budget"], budget["limit"]) == ("cap", "50.00")
    assert budget["value"] == dashboard.json(PAGE)["amount"]


def test_a_restart_takes_up_the_file(meter: Meter, dashboard: DashboardProcess, directory: Path) -> None:
    before = dashboard.json(PAGE)
    assert dashboard.stop() == 0
    use(meter, "acme-prod", 1 * MILLION)
    with DashboardProcess(meter, directory) as again:
        again.wait_ready()
        page = again.json(PAGE)
        staging = next(each for each in page["items"]["logs"]["workspaces"] if each["workspace"] == "acme-staging")
        assert staging["overage"] == 51 * MILLION
        assert [entry["revision"] for entry in page["feed"]][1:] == [entry["revision"] for entry in before["feed"]]
        assert again.stop() == 0
