"""An account run by hand: `meter top-up`, `buy`, `quote` and the rest, beside a worker on a real Kafka.

One session, told in parts: each goes on from where the one before it ended.
"""

import json
import re
import signal
import time
from collections.abc import Iterator

import pytest

from tests import records
from tests.end_to_end.commands import COMMAND_SECONDS, begin, run
from tests.end_to_end.judged import judge
from tests.end_to_end.kafka import wait_until
from tests.end_to_end.workers import Meter
from tests.meters import StartMeter
from tests.oracle_reading import Settings
from tests.oracle_time import billing_day, day_text
from tests.scenarios import midnight_zone

pytestmark = pytest.mark.e2e

BUY = ("acct_1", "startup", "wksp_a", "wksp_b", "--traffic", "logs=30@0.8")


class Session:
    """A person at a terminal."""

    def __init__(self, meter: Meter, today: int) -> None:
        self.meter = meter
        self.today = today

    def on(self, days: int) -> str:
        return day_text(self.today + days)

    def run(self, *arguments: str, refused: bool = False) -> str:
        """What a command says; exit code 1 is for what was refused."""
        code, found = run(self.meter, *arguments)
        assert code == (1 if refused else 0), found
        assert "Traceback" not in found
        return found


@pytest.fixture(scope="module")
def session(module_meter: StartMeter) -> Iterator[Session]:
    now_us = time.time_ns() // 1000
    zone = midnight_zone(now_us, 12 * 3600)
    session = Session(module_meter(Settings(zone)), billing_day(now_us, zone))
    assert "`meter worker` creates it" in session.run("plans", "acct_1", refused=True)
    session.meter.start().wait_ready()
    bindings = [records.binding(name, "acct_1") for name in ("wksp_a", "wksp_b")]
    session.meter.kafka.send([records.binding_message(binding) for binding in bindings])
    yield session
    session.meter.settle()
    judge(session.meter)


def test_money_is_put_on_an_account_once_under_one_id(session: Session) -> None:
    found = session.run
    assert found("plans", "acct_1") == "account acct_1 has no plans\n"
    assert found("wallets", "acct_1").startswith("account acct_1 has no money")
    assert found("top-up", "acct_1", "60000.00", "--order-id", "t-1") == (
        "accepted: top_up t-1 of acct_1\n  credited     cash 60000.00\n"
    )
    assert found("top-up", "acct_1", "60000", "--order-id", "t-1").startswith("accepted: top_up t-1")
    assert "t-1 of acct_1 was decided with other content" in found(
        "top-up", "acct_1", "1.00", "--order-id", "t-1", refused=True
    )
    card = ("--method", "prepaid_card", "--instrument", "card-9", "--expires-on", session.on(30))
    assert found("top-up", "acct_1", "5000.00", *card).splitlines()[1] == (
        f"  credited     prepaid_card card-9 5000.00, usable through {session.on(30)}"
    )


def test_a_plan_is_quoted_refused_unpaid_and_bought(session: Session) -> None:
    found = session.run
    assert found("quote", "purchase", *BUY).splitlines()[:2] == [
        f"would be accepted on {session.on(0)}: purchase for acct_1",
        "  price        55392.00 CNY",
    ]
    assert found("buy", *BUY, "--order-id", "o-0", refused=True) == (
        "refused: purchase o-0 of acct_1: payments_must_equal_price\n"
        "  payments must make exactly the price: they make 0.00, the price is 55392.00\n"
        "  price        55392.00 CNY\n"
    )
    payments = ("--pay", "cash=53892.00", "--pay", "prepaid_card:card-9=1500.00")
    assert found("buy", *BUY, "--order-id", "o-1", *payments) == (
        "accepted: purchase o-1 of acct_1\n"
        "  price        55392.00 CNY\n"
        "  paid         cash 53892.00, prepaid_card card-9 1500.00\n"
        f"  plan         o-1, {session.on(0)} to {session.on(371)}\n"
    )


def test_a_plan_is_changed_and_the_price_paid_from_cash(session: Session) -> None:
    found = session.run
    assert "upgrade_must_go_up" in found("quote", "upgrade", "acct_1", "o-1", "startup", refused=True)
    growth = ("upgrade", "acct_1", "o-1", "growth", "--pay", "auto")
    assert "nothing was sent: cash holds 6108.00" in found(*growth, refused=True)
    found("top-up", "acct_1", "300000.00")
    assert "  paid         cash 238000.00\n" in found(*growth)
    sms = ("add-traffic", "acct_1", "o-1", "--traffic", "sms=1", "--order-id", "sms-1", "--pay", "auto")
    assert found(*sms) == found(*sms), "the same again is paid as it was, and counts once"
    assert "price        0.00 CNY" in found("change-workspaces", "acct_1", "o-1", "wksp_b", "wksp_a")


def test_plans_and_wallets_are_shown_as_they_stand(session: Session) -> None:
    found = session.run
    (plan,) = [json.loads(line) for line in found("plans", "acct_1", "--json").splitlines()]
    assert [package["plan"] for package in plan["packages"]] == ["growth"]
    assert [each["workspaces"] for each in plan["lists"]] == [["wksp_b", "wksp_a"]]
    assert re.search(r"o-1 +\S+ +in force, 372 days left +growth from", found("plans", "acct_1"))
    wallets = [json.loads(line) for line in found("wallets", "acct_1", "--json").splitlines()]
    balances = {each["method"]: each["balance"] for each in wallets}
    assert balances == {"cash": "64388.00", "prepaid_card": "3500.00"}


def test_without_a_worker_an_order_waits_and_its_id_is_the_way_back_to_it(session: Session) -> None:
    (worker,) = session.meter.workers
    assert worker.stop() == 0
    late = ("change-workspaces", "acct_1", "o-1", "wksp_a", "wksp_b", "--order-id", "late")
    found = session.run(*late, "--timeout", "1", refused=True)
    assert "no outcome of order late came within 1 s" in found
    assert "is one running (`meter worker`" in found
    interrupted = begin(session.meter, "top-up", "acct_1", "5.00")
    kafka = session.meter.kafka

    def last_order() -> dict[str, str]:
        order: dict[str, str] = json.loads(kafka.read("plan-purchases")[-1].value() or b"{}")
        return order

    wait_until("the order is sent", lambda: last_order().get("amount") == "5.00", COMMAND_SECONDS)
    interrupted.send_signal(signal.SIGINT)
    _, found = interrupted.communicate(timeout=COMMAND_SECONDS)
    assert interrupted.returncode == 130
    assert f"order {last_order()['order_id']} " in found
    assert "the order counts once" in found
    session.meter.start().wait_ready()
    assert session.run(*late).startswith("accepted: change_workspaces late of acct_1\n")
