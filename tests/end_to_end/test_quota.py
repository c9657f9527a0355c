"""Quota as it runs out on a real Kafka: balances and alerts, with a worker killed and its partitions taken over."""

import time
from typing import Any

import pytest

from tests import records, revisions
from tests.end_to_end.judged import judge
from tests.end_to_end.workers import Meter
from tests.meters import StartMeter
from tests.oracle_reading import Settings
from tests.oracle_time import billing_day, day_text
from tests.records import Message, pay, traffic
from tests.scenarios import midnight_zone

pytestmark = pytest.mark.e2e

MILLION = 1_000_000
QUOTA = 150 * MILLION
ZONE = midnight_zone(time.time_ns() // 1000, 12 * 3600)


class Account:
    """An account of two workspaces; its plan covers 150 million logs a day."""

    def __init__(self, meter: Meter, name: str) -> None:
        self.meter = meter
        self.name = name
        self.events = 0
        self.now_us = time.time_ns() // 1000
        self.day = day_text(billing_day(self.now_us, ZONE))
        bound = [records.binding_message(records.binding(f"{name}-{each}", name)) for each in "ab"]
        meter.kafka.send([*bound, records.order_message(records.top_up(name, "t", "1000000"))])
        meter.settle()

    def buy(self) -> None:
        workspaces = [f"{self.name}-a", f"{self.name}-b"]
        order = records.purchase(
            self.name, "o-1", "startup", workspaces, [pay("103380.00")], traffic=[traffic("logs", 110)]
        )
        self.send(records.order_message(order))

    def use(self, workspace: str, millions: int) -> None:
        """Usage, or a correction where it is negative."""
        self.events += 1
        event = records.usage(
            f"{self.name}-{workspace}",
            "logs",
            millions * MILLION,
            self.now_us,
            id=str(self.events),
            corrected=millions < 0,
        )
        self.send(records.usage_message(event))

    def send(self, message: Message) -> None:
        self.meter.kafka.send([message])
        self.meter.settle()

    def alerts(self, threshold: int) -> list[str]:
        """What was told of a threshold, in order."""
        key = f"{self.name}/o-1/logs/{self.day}/{threshold}"
        return [each["state"] for each in revisions.by_key(self.meter.kafka.published("quota-alerts")).get(key, [])]

    def balance(self) -> dict[str, Any] | None:
        """The balance in force."""
        return revisions.latest(self.meter.kafka.published("quota-balances")).get(f"{self.name}/logs/{self.day}")


def test_alerts_are_raised_and_cleared_once_each_and_balances_follow(new_meter: StartMeter) -> None:
    meter = new_meter(Settings(ZONE))
    first = meter.start().wait_ready()
    second = meter.start("b").wait_ready()
    account = Account(meter, "running-out")
    account.buy()
    assert account.balance() is None, "nothing was used yet"

    account.use("b", 130)
    assert (account.alerts(80), account.alerts(100)) == (["raised"], [])
    first.kill()
    account.use("a", 100)
    assert (account.alerts(80), account.alerts(100)) == (["raised"], ["raised"])
    found = account.balance()
    assert found is not None
    assert (found["quota"], found["covered"], found["left"]) == (QUOTA, QUOTA, 0)
    assert [(each["workspace"], each["covered"], each["overage"]) for each in found["workspaces"]] == [
        ("running-out-a", 100 * MILLION, 0),
        ("running-out-b", 50 * MILLION, 80 * MILLION),
    ]

    third = meter.start("c").wait_ready()  # a rebalance, while quota comes back
    account.use("a", -100)
    account.use("b", -60)
    assert (account.alerts(80), account.alerts(100)) == (["raised", "cleared"], ["raised", "cleared"])
    account.use("b", 60)
    assert (account.alerts(80), account.alerts(100)) == (["raised", "cleared", "raised"], ["raised", "cleared"])
    found = account.balance()
    assert found is not None
    assert (found["covered"], found["left"]) == (130 * MILLION, 20 * MILLION)
    assert found["plans"] == [{"plan_id": "o-1", "quota": QUOTA, "covered": 130 * MILLION, "left": 20 * MILLION}]
    judge(meter, crashed=True)
    assert [second.stop(), third.stop()] == [0, 0]


def test_an_order_that_gives_quota_to_earlier_usage_publishes_its_balance_and_alerts(
    new_meter: StartMeter,
) -> None:
    meter = new_meter(Settings(ZONE))
    worker = meter.start().wait_ready()
    account = Account(meter, "bought-late")
    account.use("a", 140)
    assert account.balance() is None
    account.buy()
    assert (account.alerts(80), account.alerts(100)) == (["raised"], [])
    found = account.balance()
    assert found is not None
    assert (found["quota"], found["covered"], found["left"]) == (QUOTA, 140 * MILLION, 10 * MILLION)
    judge(meter)
    assert worker.stop() == 0
