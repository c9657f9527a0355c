"""The forecast beside a running meter: today is real, the days before it are as a meter would have published them."""

import json
import time

import pytest

from meter.kafka.partitioner import partition_of
from tests import records
from tests.end_to_end.commands import run
from tests.end_to_end.workers import Meter
from tests.meters import StartMeter
from tests.oracle_reading import Settings
from tests.oracle_time import DAY_US, billing_day, day_text
from tests.scenarios import midnight_zone

pytestmark = pytest.mark.e2e

MILLION = 1_000_000
HOUR_US = 3_600_000_000


def test_the_day_ends_as_much_higher_as_days_before_it_did(new_meter: StartMeter) -> None:
    now_us = time.time_ns() // 1000
    zone = midnight_zone(now_us, 12 * 3600)
    meter = new_meter(Settings(zone))
    meter.start().wait_ready()
    meter.kafka.send([records.binding_message(records.binding("w", "acct_1"))])
    meter.settle()
    code, result = run(meter, "forecast", "acct_1")
    assert code == 0, result
    assert "fewer than 5 days of history" in result
    today = billing_day(now_us, zone)
    for past in range(1, 7):
        for hours, quantity in ((-6, 40), (6, 100)):
            publish_overage(meter, day_text(today - past), quantity * MILLION, now_us - past * DAY_US + hours * HOUR_US)
    meter.kafka.producer.flush(30)
    meter.kafka.send([records.usage_message(records.usage("w", "logs", 60 * MILLION, now_us - HOUR_US, id="1"))])
    meter.settle()
    code, result = run(meter, "forecast", "acct_1", "--json")
    assert code == 0, result
    found = json.loads(result)
    assert found["items"]["logs"]["now"] == 60 * MILLION
    assert found["items"]["logs"]["end"] == dict.fromkeys(("low", "middle", "high"), 150 * MILLION)
    assert found["charges"]["now"] == "90.00"
    assert found["charges"]["end"]["middle"] == "225.00"


def publish_overage(meter: Meter, day: str, quantity: int, at_us: int) -> None:
    """A record of `overages` as it was published at an instant of the past: usage that pays as it goes."""
    amount = f"{quantity * 15 // MILLION / 10:.2f}"
    line = {"retention_days": 14, "quantity": quantity, "units": f"{quantity // MILLION}.00", "unit_price": "1.5"}
    record = {
        "account": "acct_1",
        "workspace": "w",
        "item": "logs",
        "day": day,
        "revision": quantity,
        "previous_revision": 0,
        "usage": quantity,
        "covered": 0,
        "overage": quantity,
        "delta": quantity,
        "basis": "pay_as_you_go",
        "plans": [],
        "charge": {"amount": amount, "currency": "CNY", "lines": [{**line, "amount": amount}]},
        "cause": {
            "kind": "usage",
            "workspaces": ["w"],
            "topic": "usage",
            "partition": 0,
            "first_offset": 0,
            "last_offset": 0,
        },
        "restated": False,
    }
    meter.kafka.producer.produce(
        f"{meter.kafka.prefix}overages",
        json.dumps(record).encode(),
        key=f"acct_1/w/logs/{day}".encode(),
        partition=partition_of("acct_1", len(meter.kafka.partitions("overages"))),
        timestamp=at_us // 1000,
    )
