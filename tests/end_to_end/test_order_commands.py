"""An account run by hand: `meter top-up`, `buy`, `quote` and the rest, beside a worker on a real Kafka."""

import json
import re
import time

import pytest

from tests import records
from tests.end_to_end.commands import run
from tests.end_to_end.conftest import StartMeter
from tests.end_to_end.judged import judge
from tests.oracle_reading import Settings
from tests.oracle_time import billing_day, day_text
from tests.scenarios import midnight_zone

pytestmark = pytest.mark.e2e

BUY = ("buy", "acct_1", "startup", "wksp_a", "wksp_b", "--traffic", "logs=30@0.8")


def test_an_account_is_run_by_hand(new_meter: StartMeter) -> None:
    now_us = time.time_ns() // 1000
    zone = midnight_zone(now_us, 12 * 3600)
    today = billing_day(now_us, zone)
    first, last, expires = day_text(today), day_text(today + 371), day_text(today + 30)
    meter = new_meter(Settings(zone))

    def told(*arguments: str, refused: bool = False) -> str:
        code, said = run(meter, *arguments)
        assert code == (1 if refused else 0), said
        assert "Traceback" not in said
        return said

    assert "`meter worker` creates it" in told("plans", "acct_1", refused=True)
    worker = meter.start().wait_ready()
    bindings = [records.binding(name, "acct_1") for name in ("wksp_a", "wksp_b")]
    meter.kafka.send([records.binding_message(binding) for binding in bindings])
    assert told("plans", "acct_1") == "account acct_1 has no plans\n"
    assert told("wallets", "acct_1").startswith("account acct_1 has no money")

    # Money, and an order id that is sent again
    assert told("top-up", "acct_1", "60000.00", "--order-id", "t-1") == (
        "accepted: top_up t-1 of acct_1\n  credited     cash 60000.00\n"
    )
    assert told("top-up", "acct_1", "60000", "--order-id", "t-1").startswith("accepted: top_up t-1")
    assert "t-1 of acct_1 was decided with other content" in told(
        "top-up", "acct_1", "1.00", "--order-id", "t-1", refused=True
    )
    card = ("--method", "prepaid_card", "--instrument", "card-9", "--expires-on", expires)
    assert told("top-up", "acct_1", "5000.00", *card).splitlines()[1] == (
        f"  credited     prepaid_card card-9 5000.00, to be drawn through {expires}"
    )

    # A quote, a refusal, a purchase
    quote = told("quote", "purchase", *BUY[1:])
    assert quote.splitlines()[:2] == [
        f"would be accepted on {first}: purchase for acct_1",
        "  price        55392.00 CNY",
    ]
    assert told(*BUY, "--order-id", "o-0", refused=True) == (
        "refused: purchase o-0 of acct_1: payments_must_equal_price\n"
        "  the payments make exactly the price: payments make 0.00, the price is 55392.00\n"
        "  price        55392.00 CNY\n"
    )
    assert told(*BUY, "--order-id", "o-1", "--pay", "cash=53892.00", "--pay", "prepaid_card:card-9=1500.00") == (
        "accepted: purchase o-1 of acct_1\n"
        "  price        55392.00 CNY\n"
        "  paid         cash 53892.00, prepaid_card card-9 1500.00\n"
        f"  plan         o-1, {first} to {last}\n"
    )

    # Changes of the plan
    assert "upgrade_must_go_up" in told("quote", "upgrade", "acct_1", "o-1", "startup", refused=True)
    assert "nothing was sent, an instrument is drawn no lower than 0: cash holds 6108.00" in told(
        "upgrade", "acct_1", "o-1", "growth", "--pay", "auto", refused=True
    )
    told("top-up", "acct_1", "300000.00")
    assert "  paid         cash 238000.00\n" in told("upgrade", "acct_1", "o-1", "growth", "--pay", "auto")
    sms = ("add-traffic", "acct_1", "o-1", "--traffic", "sms=1", "--order-id", "sms-1", "--pay", "auto")
    assert told(*sms) == told(*sms), "the same again is paid as it was, and counts once"
    assert "price        0.00 CNY" in told("change-workspaces", "acct_1", "o-1", "wksp_b", "wksp_a")

    # What stands then
    (plan,) = [json.loads(line) for line in told("plans", "acct_1", "--json").splitlines()]
    assert [package["plan"] for package in plan["packages"]] == ["growth"]
    assert [each["workspaces"] for each in plan["lists"]] == [["wksp_b", "wksp_a"]]
    assert re.search(r"o-1 +\S+ +in force, 372 days left +growth from", told("plans", "acct_1"))
    wallets = [json.loads(line) for line in told("wallets", "acct_1", "--json").splitlines()]
    assert [(each["method"], each["balance"]) for each in wallets] == [
        ("cash", "64388.00"),
        ("prepaid_card", "3500.00"),
    ]

    # Without a worker an order waits; its id is the way back to it
    assert worker.stop() == 0
    late = ("change-workspaces", "acct_1", "o-1", "wksp_a", "wksp_b", "--order-id", "late")
    said = told(*late, "--timeout", "1", refused=True)
    assert "no outcome of order late came within 1 s" in said
    assert "is one running (`meter worker`" in said
    meter.start().wait_ready()
    assert told(*late).startswith("accepted: change_workspaces late of acct_1\n")
    meter.settle()
    judge(meter)
