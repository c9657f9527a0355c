"""The broker goes away under an open page: the page keeps its figures, says so, and goes on by itself."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas.catalog import load_catalog
from tests import records
from tests.end_to_end.dashboards import SHOWN_SECONDS, DashboardProcess
from tests.end_to_end.kafka import wait_until
from tests.end_to_end.workers import Meter
from tests.faults.brokers import Broker
from tests.meters import meters_at
from tests.oracle_catalog import of_product
from tests.oracle_reading import Settings
from tests.scenarios import midnight_zone

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

MILLION = 1_000_000
NOW_US = time.time_ns() // 1000
CATALOG = Path(__file__).parents[3] / "meter" / "catalog.toml"
#: A broker that starts, and clients that come back, on a busy machine.
BACK_MS = 90_000


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path / "broker") as own:
        yield own


@pytest.fixture
def meter(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Meter]:
    for make in meters_at(broker.bootstrap, tmp_path_factory):
        yield make(Settings(midnight_zone(NOW_US, 12 * 3600), of_product(load_catalog(CATALOG)), 35))


def use(meter: Meter, quantity: int) -> None:
    """A workspace by usage reports."""
    event = records.usage("acme-prod", "logs", quantity, NOW_US, id=str(quantity))
    meter.kafka.send([records.usage_message(event)])


def test_an_open_page_goes_on_after_a_restart_of_the_broker(
    open_page: Any, broker: Broker, meter: Meter, tmp_path: Path
) -> None:
    meter.start().wait_ready()
    meter.kafka.send([records.binding_message(records.binding("acme-prod", "acme"))])
    meter.settle()
    use(meter, 10 * MILLION)
    with DashboardProcess(meter, tmp_path) as dashboard:
        dashboard.wait_ready()
        wait_until("its usage is shown", lambda: dashboard.ask("/accounts/acme/plans")[0] == 200, SHOWN_SECONDS)
        page = open_page()
        page.goto(f"http://127.0.0.1:{dashboard.port}/accounts/acme")
        page.wait_for_selector('[data-live="on"]')
        page.wait_for_selector(".due >> text=15.00", timeout=BACK_MS)
        broker.kill()
        page.wait_for_selector(".behind >> text=Kafka does not answer", timeout=BACK_MS)
        assert page.locator(".due").inner_text().startswith("15.00"), "its figures stay"
        wait_until("it is not ready", lambda: dashboard.ask("/ready")[0] == 503, SHOWN_SECONDS, dashboard.log_text)
        broker.start()
        use(meter, 2 * MILLION)
        page.wait_for_selector(".due >> text=18.00", timeout=BACK_MS)
        page.wait_for_selector(".behind:not(:has-text('does not answer'))", timeout=BACK_MS)
        log = dashboard.log_text()
        assert 1 <= log.count("dashboard: reading stopped: ") <= 2, log
        assert log.count("dashboard: Kafka answers again after ") == 1, log
        assert dashboard.stop() == 0
