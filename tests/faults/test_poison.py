"""Poison at full rate: three records of ten bad, and some as long as the topic lets them be, among good ones."""

import time
from random import Random

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer

from tests import records
from tests.end_to_end.kafka import QUIET
from tests.end_to_end.workers import Meter
from tests.faults.load import Load, settings
from tests.faults.verdict import back_to_zero_lag, judged
from tests.meters import StartMeter
from tests.records import json_bytes
from tests.scenarios import scenario

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

EVENTS = 4_000
#: Bad records for a good one, of which a quarter are of kinds that the scenario sends once: three of ten in the end.
BAD_SHARE = 0.65
#: What the broker takes as one batch (meter/kafka/server.properties).
TOPIC_LIMIT = 2_097_152
#: Records of SPEC's limits (section 8), that are counted up to there and dead above.
USAGE_LIMIT = 64 * 1024


def test_three_bad_records_of_ten_at_full_rate_stop_nothing_and_cost_no_neighbour(
    new_meter: StartMeter, seed: int, rng: Random
) -> None:
    meter = new_meter(settings())
    worker = meter.start().wait_ready()
    now_us = time.time_ns() // 1000
    poison = scenario(
        seed, now_us=now_us, zone=meter.settings.zone, accounts=20, events=EVENTS, days=2, bad_share=BAD_SHARE
    )
    feeding = Load(meter.kafka, poison.steps, batch=500)
    longest = Longest(meter, rng)
    while feeding.running or longest.sent < 2:
        longest.send()
        time.sleep(0.3)
    longest.send()
    feeding.join()
    back_to_zero_lag(meter)
    prediction = judged(meter, feeding)
    assert len(prediction.dead) > 0.27 * len(feeding.acknowledged)
    assert list(prediction.dead.values()).count(("too_large",)) > 2 * longest.sent
    worker.shows("meter_dead_letters_total", len(prediction.dead))
    assert worker.stop() == 0


class Longest:
    """Sends records as long as they may be, and one byte longer."""

    def __init__(self, meter: Meter, rng: Random) -> None:
        self.meter, self.rng, self.sent = meter, rng, 0
        self.producer = Producer(
            {"bootstrap.servers": meter.kafka.bootstrap, **QUIET, "message.max.bytes": 4_000_000, "linger.ms": 0}
        )

    def send(self) -> None:
        """One as long as the topic takes, one that it does not take, one as long as the meter takes and one longer."""
        assert self._acknowledged(self._event(TOPIC_LIMIT - batch_bytes(TOPIC_LIMIT)))
        assert not self._acknowledged(self._event(TOPIC_LIMIT - batch_bytes(TOPIC_LIMIT) + 1))
        assert self._acknowledged(self._event(USAGE_LIMIT))
        assert self._acknowledged(self._event(USAGE_LIMIT + 1))
        self.sent += 1

    def _event(self, length: int) -> bytes:
        """A good event but for its length."""
        now_us = time.time_ns() // 1000
        event = records.usage("wksp-000-0", "api_calls", 1, now_us, id=f"{self.rng.getrandbits(128):032x}")
        event["padding"] = ""
        event["padding"] = "x" * (length - len(json_bytes(event)))
        value = json_bytes(event)
        assert len(value) == length
        return value

    def _acknowledged(self, value: bytes) -> bool:
        answers: list[KafkaError | None] = []
        self.producer.produce(
            f"{self.meter.kafka.prefix}usage", value, on_delivery=lambda error, _: answers.append(error)
        )
        self.producer.flush(30.0)
        (error,) = answers
        if error is not None and error.code() != KafkaError.MSG_SIZE_TOO_LARGE:
            raise KafkaException(error)
        return error is None


def batch_bytes(length: int) -> int:
    """What a batch of one record without key and headers takes besides a value of about this length."""
    zigzag = (2 * length).bit_length()
    varint = -(-zigzag // 7)
    return 61 + varint + 1 + 1 + 1 + 1 + varint + 1
