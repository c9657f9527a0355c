"""W1 to W8 of SPEC section 4, through the topics: each in an account of its own, all on one meter."""

import time
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from schemas.catalog import load_catalog
from tests import records, revisions
from tests.end_to_end.judged import judge
from tests.end_to_end.workers import Meter
from tests.meters import StartMeter
from tests.oracle_catalog import of_product
from tests.oracle_reading import Settings
from tests.oracle_time import billing_day, day_text
from tests.records import Message, pay, traffic
from tests.scenarios import midnight_zone

pytestmark = pytest.mark.e2e

MILLION = 1_000_000
#: Midnight is far off, so that a case is told on one day.
ZONE = midnight_zone(time.time_ns() // 1000, 12 * 3600)
CATALOG = Path(__file__).parents[2] / "meter" / "catalog.toml"
#: A package of ten hosts, for W7 and W8.
TEN = '\n[versions.plans.ten]\ntitle = "Ten"\nprice = "1"\nquotas = { datakit = 10 }\n'


class Case:
    """One account in which a worked case is told."""

    def __init__(self, meter: Meter, account: str) -> None:
        self.meter = meter
        self.account = account
        self.count = 0
        self.waiting = ""
        self.now_us = time.time_ns() // 1000
        self.day = day_text(billing_day(self.now_us, ZONE))

    def name(self, workspace: str) -> str:
        return f"{self.account}-{workspace}"

    def open(self, workspaces: str) -> None:
        bindings = [records.binding(self.name(each), self.account) for each in workspaces]
        self.meter.kafka.send([records.binding_message(binding) for binding in bindings])
        self.order(records.top_up(self.account, "t", "1000000"))

    def order(self, order: dict[str, Any]) -> None:
        self.send(records.order_message(order))

    def send(self, message: Message) -> None:
        """Sends one record; what went through another topic is folded first, for topics do not wait for each other."""
        if self.waiting not in ("", message.topic):
            self.settle()
        self.meter.kafka.send([message])
        self.waiting = message.topic

    def settle(self) -> None:
        """Waits until everything sent is folded."""
        if self.waiting:
            self.meter.settle()
            self.waiting = ""

    def buy(self, order_id: str, plan: str, price: object, workspaces: str, lines: Sequence[Any] = ()) -> None:
        names = [self.name(each) for each in workspaces]
        self.order(records.purchase(self.account, order_id, plan, names, [pay(price)], traffic=list(lines)))

    def use(
        self, workspace: str, quantity: int, item: str = "logs", retention: int | None = None, corrected: bool = False
    ) -> None:
        self.count += 1
        event = records.usage(
            self.name(workspace),
            item,
            quantity,
            self.now_us,
            id=f"{self.account}-{self.count}",
            retention=retention,
            corrected=corrected,
        )
        self.send(records.usage_message(event))

    def history(self, workspace: str, item: str = "logs") -> list[dict[str, Any]]:
        """Every revision of a cell, once everything sent is folded."""
        self.settle()
        key = f"{self.account}/{self.name(workspace)}/{item}/{self.day}"
        return revisions.by_key(self.meter.kafka.published("overages")).get(key, [])

    def over(self, workspace: str, item: str = "logs") -> int:
        """The overage in force; 0 where nothing was ever published."""
        history = self.history(workspace, item)
        return int(history[-1]["overage"]) if history else 0

    def charges(self) -> dict[str, Decimal]:
        """Charges by item."""
        self.settle()
        last = revisions.latest(self.meter.kafka.published("overages"))
        mine = [value for value in last.values() if value["account"] == self.account]
        return {value["item"]: Decimal(value["charge"]["amount"]) for value in mine}


@pytest.fixture(scope="module")
def meter(module_meter: StartMeter, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Meter]:
    catalog = tmp_path_factory.mktemp("catalog") / "catalog.toml"
    catalog.write_text(CATALOG.read_text() + TEN)
    book = of_product(load_catalog(catalog))
    meter = module_meter(Settings(ZONE, book), METER_CATALOG=str(catalog))
    worker = meter.start().wait_ready()
    yield meter
    judge(meter)
    assert worker.stop() == 0


def settle_together(cases: Iterable[Case]) -> None:
    """Waits once for all of them."""
    for case in cases:
        case.settle()
        for other in cases:
            other.waiting = ""


def startup_150(meter: Meter, account: str, workspaces: str) -> Case:
    case = Case(meter, account)
    case.open(workspaces)
    case.buy("o-1", "startup", "103380.00", workspaces, [traffic("logs", 110)])
    return case


def test_w1_the_first_workspace_is_covered_first(meter: Meter) -> None:
    case = startup_150(meter, "w1", "AB")
    case.use("A", 100 * MILLION)
    case.use("B", 100 * MILLION)
    assert case.history("A") == []
    (only,) = case.history("B")
    assert (only["usage"], only["covered"], only["overage"]) == (100 * MILLION, 50 * MILLION, 50 * MILLION)
    assert (only["basis"], only["plans"], only["delta"], only["previous_revision"]) == (
        "package",
        ["o-1"],
        50 * MILLION,
        0,
    )
    line = {
        "retention_days": 14,
        "quantity": 50 * MILLION,
        "units": "50.00",
        "unit_price": "1.5",
        "amount": "75.00",
    }
    assert only["charge"] == {"amount": "75.00", "currency": "CNY", "lines": [line]}
    assert only["restated"] is False


def test_w2_the_second_workspace_is_over_although_it_sent_nothing_new(meter: Meter) -> None:
    case = startup_150(meter, "w2", "AB")
    case.use("B", 100 * MILLION)
    assert case.history("B") == []
    case.use("A", 100 * MILLION)
    assert case.history("A") == []
    (only,) = case.history("B")
    assert (only["covered"], only["overage"]) == (50 * MILLION, 50 * MILLION)
    assert only["cause"]["kind"] == "usage"
    assert only["cause"]["workspaces"] == [case.name("A")]
    assert only["cause"]["topic"] == "usage"


def test_w3_a_correction_of_the_first_gives_quota_to_the_second(meter: Meter) -> None:
    case = startup_150(meter, "w3", "AB")
    case.use("A", 100 * MILLION)
    case.use("B", 100 * MILLION)
    assert case.over("B") == 50 * MILLION
    case.use("A", -40 * MILLION, corrected=True)
    assert case.history("A") == []
    first, second = case.history("B")
    assert (first["overage"], second["overage"]) == (50 * MILLION, 10 * MILLION)
    assert (second["covered"], second["delta"]) == (90 * MILLION, -40 * MILLION)
    assert second["previous_revision"] == first["revision"] < second["revision"]


def test_w4_what_is_left_covers_the_next(meter: Meter) -> None:
    case = startup_150(meter, "w4", "ABC")
    for workspace in "ABC":
        case.use(workspace, 100 * MILLION)
    assert [case.over(workspace) for workspace in "ABC"] == [0, 50 * MILLION, 100 * MILLION]


W5 = (
    ("datakit", 25, None),
    ("logs", 40 * MILLION, 30),
    ("traces", 5 * MILLION, 14),
    ("pv", 400_000, 14),
    ("triggers", 210_000, None),
)


#: Account, traffic packages of logs at 0.8, price, overage of logs in millions, charges in the order of W5.
DAYS_ON_STARTUP = (
    ("w5", 0, "42000.00", 40, [15, 60, 15, 40, 2]),
    ("w6-30", 30, "55392.00", 10, [15, 15, 15, 40, 2]),
    ("w6-20", 20, "50928.00", 20, [15, 30, 15, 40, 2]),
)


def test_w5_and_w6_a_day_on_startup(meter: Meter) -> None:
    cases = {account: Case(meter, account) for account, *_ in DAYS_ON_STARTUP}
    for case in cases.values():
        case.open("W")
    for account, units, price, _, _ in DAYS_ON_STARTUP:
        cases[account].buy("o-1", "startup", price, "W", [traffic("logs", units, "0.8")] if units else [])
    settle_together(cases.values())
    for case in cases.values():
        for item, quantity, retention in W5:
            case.use("W", quantity, item, retention)
    settle_together(cases.values())
    for account, _, _, logs_over, charges in DAYS_ON_STARTUP:
        over = [cases[account].over("W", item) for item, _, _ in W5]
        assert over == [5, logs_over * MILLION, 5 * MILLION, 400_000, 20_000]
        assert [cases[account].charges()[item] for item, _, _ in W5] == charges
        assert sum(charges) == {"w5": 132, "w6-30": 87, "w6-20": 102}[account]


def test_w7_a_plan_bought_for_one_workspace_is_drawn_before_one_it_shares(meter: Meter) -> None:
    case = Case(meter, "w7")
    case.open("AB")
    case.buy("P1", "ten", 1, "AB")
    case.buy("P2", "ten", 1, "A")
    case.use("A", 10, "datakit")
    case.use("B", 10, "datakit")
    assert case.history("A", "datakit") == case.history("B", "datakit") == []
    case.use("B", 11, "datakit")
    assert case.over("B", "datakit") == 1
    case.use("A", 11, "datakit")
    assert case.history("A", "datakit") == [], "A draws on P1 before B does: it is first in that list"
    assert case.over("B", "datakit") == 2


def test_w8_the_least_possible_total_is_not_promised(meter: Meter) -> None:
    case = Case(meter, "w8")
    case.open("ABC")
    case.buy("o-2", "ten", 1, "AB")  # P1
    case.buy("o-1", "ten", 1, "BC")  # P2: the same but for its id, so first in the order
    case.use("B", 10, "datakit")
    case.use("C", 10, "datakit")
    assert [case.over(workspace, "datakit") for workspace in "ABC"] == [0, 0, 10]
    (only,) = case.history("C", "datakit")
    assert (only["plans"], only["covered"]) == (["o-1"], 0)
