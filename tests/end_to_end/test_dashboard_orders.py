"""Ordering in the browser, on a real Kafka with a real worker: what is sent from the page becomes the plan's quota.

The page shows the outcome by itself; a double click, a form that is sent again and the back button leave one order.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas.catalog import load_catalog
from tests import records
from tests.dashboard.browser.conftest import browser as browser
from tests.dashboard.browser.conftest import open_page as open_page
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
#: Midnight is far off, so that everything happens on one day.
ZONE = midnight_zone(NOW_US, 12 * 3600)
DAY = day_text(billing_day(NOW_US, ZONE))
CATALOG = Path(__file__).parents[2] / "meter" / "catalog.toml"
TOKENS = {"METER_DASHBOARD_TOKEN": "read", "METER_DASHBOARD_WRITE_TOKEN": "write"}
BEARER = {"Authorization": "Bearer write"}
NAMES = ("acme-prod", "acme-staging")


@pytest.fixture(scope="module")
def meter(module_meter: StartMeter) -> Meter:
    """The worked example: 150 M of logs a day; production and staging used 100 M each, so staging is over."""
    found = module_meter(Settings(ZONE, of_product(load_catalog(CATALOG)), 35))
    found.start("a").wait_ready()
    found.kafka.send([records.binding_message(records.binding(name, "acme")) for name in NAMES])
    found.kafka.send([records.order_message(records.top_up("acme", "t", "103380"))])
    order = records.purchase("acme", "o-1", "startup", list(NAMES), [pay("103380")], traffic=[traffic("logs", 110)])
    found.kafka.send([records.order_message(order)])
    usage = [records.usage(name, "logs", 100 * MILLION, NOW_US, id=name) for name in NAMES]
    found.kafka.send([records.usage_message(event) for event in usage])
    found.settle()
    return found


@pytest.fixture(scope="module")
def dashboard(meter: Meter, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DashboardProcess]:
    with DashboardProcess(meter, tmp_path_factory.mktemp("dashboard"), **TOKENS) as found:
        yield found.wait_ready()


def orders_sent(meter: Meter, kind: str) -> list[str]:
    """Ids on `plan-purchases`, one a record."""
    sent = [json.loads(each.value() or b"{}") for each in meter.kafka.read("plan-purchases")]
    return [order["order_id"] for order in sent if order["kind"] == kind]


def outcomes(meter: Meter, order_id: str) -> list[str]:
    """What was decided of an order, one a record."""
    found = [json.loads(each.value() or b"{}") for each in meter.kafka.read("order-outcomes")]
    return [each["outcome"] for each in found if each["order_id"] == order_id]


def signed_in(open_page: Any, dashboard: DashboardProcess, **more: Any) -> Any:
    """A page of somebody who gave the write token to the form that asks for it."""
    page = open_page(**more)
    page.goto(f"http://127.0.0.1:{dashboard.port}/accounts/acme/plans")
    page.fill("#token", "write")
    page.click("button.primary")
    page.wait_for_selector("text=Buy a plan")
    return page


def logs_today(dashboard: DashboardProcess) -> tuple[int, int]:
    """Quota and overage of logs as the day's page has them."""
    item = dashboard.json(f"/accounts/acme/days/{DAY}.json", **BEARER)["items"]["logs"]
    return item["quota"], item["overage"]


def test_money_and_quota_come_from_the_page_once_however_often_it_is_clicked(
    open_page: Any, meter: Meter, dashboard: DashboardProcess
) -> None:
    page = signed_in(open_page, dashboard)
    wait_until("staging is over", lambda: logs_today(dashboard) == (150 * MILLION, 50 * MILLION), SHOWN_SECONDS)

    page.click("text=Top up >> nth=0")
    page.fill("#field-amount", "30000.00")
    send = page.locator(".send-order >> text=Top up 30,000.00 CNY")
    send.wait_for()
    top_up = page.input_value("input[name=order_id]")
    send.dblclick()
    page.wait_for_selector("h1 >> text=Accepted")
    assert page.url.split("?")[0].endswith(f"/accounts/acme/orders/{top_up}")
    page.go_back()
    page.wait_for_selector("text=An order was sent under this id")
    assert page.locator(".send-order").count() == 0

    page.goto(f"http://127.0.0.1:{dashboard.port}/accounts/acme/plans")
    page.click("text=Add traffic packages")
    page.fill('[name="units.logs"]', "50")
    page.wait_for_selector(".effect-sum >> text=75.00")
    assert "0.00 CNY −75.00" in " ".join(page.locator(".effect-sum").inner_text().split())
    added = page.input_value("input[name=order_id]")
    page.locator(".send-order").dblclick()
    page.wait_for_selector("h1 >> text=Accepted")

    wait_until("the quota counts", lambda: logs_today(dashboard) == (200 * MILLION, 0), SHOWN_SECONDS)
    assert (orders_sent(meter, "top_up").count(top_up), orders_sent(meter, "add_traffic")) == (1, [added])
    assert (outcomes(meter, top_up), outcomes(meter, added)) == (["accepted"], ["accepted"])
    price = float(dashboard.json(f"/accounts/acme/orders/{added}.json", **BEARER)["outcome"]["price"])

    def balances() -> list[float]:  # they come by another topic than outcomes and figures
        wallets = dashboard.json("/accounts/acme/plans.json", **BEARER)["wallets"]
        return [float(each["balance"]) for each in wallets]

    wait_until("it is paid", lambda: balances() == [30_000 - price], SHOWN_SECONDS, lambda: str(balances()))


def test_the_whole_way_works_without_scripts(open_page: Any, meter: Meter, dashboard: DashboardProcess) -> None:
    page = signed_in(open_page, dashboard, java_script_enabled=False)
    page.click("text=Change workspaces")
    page.click('[aria-label="acme-staging earlier"]')
    page.wait_for_selector('[data-name="acme-staging"] ~ [data-name="acme-prod"]')  # the page came anew
    order_id = page.get_attribute("input[name=order_id]", "value")
    page.click("text=Change the list")
    page.wait_for_selector("#outcome")
    wait_until("it is decided", lambda: outcomes(meter, order_id) == ["accepted"], SHOWN_SECONDS)

    def accepted() -> bool:
        page.reload()
        return "Accepted" in page.inner_text("h1")

    wait_until("the page says so", accepted, SHOWN_SECONDS)

    def listed() -> list[str]:  # a plan comes by another topic than its order's outcome
        found: list[str] = dashboard.json("/accounts/acme/plans.json", **BEARER)["plans"][0]["workspaces"]
        return found

    wait_until("its list is so", lambda: listed() == ["acme-staging", "acme-prod"], SHOWN_SECONDS, dashboard.log_text)


def test_another_order_under_the_id_is_shown_as_the_dead_letter_it_becomes(
    meter: Meter, dashboard: DashboardProcess
) -> None:
    form = b"order_id=t-2&amount=5.00"
    kind = {"Content_Type": "application/x-www-form-urlencoded"}
    status, text = dashboard.ask("/accounts/acme/top-up.json", "POST", form, **kind, **BEARER)
    assert status == 200
    seen = json.loads(text)["quote"]["seen"].encode()
    meter.kafka.send([records.order_message(records.top_up("acme", "t-2", "7.00"))])
    status, _ = dashboard.ask("/accounts/acme/top-up", "POST", form + b"&step=send&seen=" + seen, **kind, **BEARER)
    address = "/accounts/acme/orders/t-2.json"
    if status == 303:  # the other one was not published yet when ours was sent
        wait_until("it died", lambda: dashboard.json(address, **BEARER)["state"] == "dead", SHOWN_SECONDS)
        assert dashboard.json(address, **BEARER)["letter"]["reason"] == "conflicting_duplicate"
    else:
        assert status == 409
    wait_until("the first one counts", lambda: outcomes(meter, "t-2") == ["accepted"], SHOWN_SECONDS)


def test_an_order_that_no_worker_decides_yet_waits_on_its_page(
    open_page: Any, meter: Meter, dashboard: DashboardProcess
) -> None:
    page = signed_in(open_page, dashboard)
    for worker in meter.workers:
        worker.stop()
    page.goto(f"http://127.0.0.1:{dashboard.port}/accounts/acme/top-up?order_id=late-1&amount=1.00")
    page.locator(".send-order").click()
    page.wait_for_selector("h1 >> text=Sent, to be decided")
    assert outcomes(meter, "late-1") == []
    meter.start("a").wait_ready()
    page.wait_for_selector("h1 >> text=Accepted")
