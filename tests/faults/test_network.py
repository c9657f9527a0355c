"""The network between real workers and their broker, through a proxy: cut, half-open, slow."""

import time
from random import Random

import pytest

from tests.faults.load import Load, load, moments, settings
from tests.faults.proxied import ProxiedBroker
from tests.faults.proxy import Way
from tests.faults.verdict import back_to_zero_lag, judged
from tests.meters import StartMeter
from tests.records import Message

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

CUTS = 12
EVENTS = 1_500
#: Longer than a group's session (8 s) and than the time-out of a commit's requests (10 s).
SILENCE_SECONDS = 13.0
LATENCY_SECONDS = 0.1
SLOW_BYTES_A_SECOND = 200_000
#: What waits in one partition takes 13 s to come over: longer than the time-out of a request.
LONG, LONG_BYTES = 2, 1_300_000


def test_connections_that_break_again_and_again_lose_nothing(
    proxied: ProxiedBroker, proxied_meter: StartMeter, seed: int, rng: Random
) -> None:
    meter = proxied_meter(settings(), METER_BROKER=proxied.link.bootstrap)
    workers = meter.start_ready("ab")
    feeding = Load(meter.kafka, load(seed, meter.settings, events=EVENTS).steps, pace=200)
    began = time.monotonic()
    for moment in moments(rng, CUTS, 0.2, 7.0):
        time.sleep(max(0.0, began + moment - time.monotonic()))
        proxied.link.cut()
    feeding.join()
    back_to_zero_lag(meter)
    judged(meter, feeding)
    assert proxied.link.proxy.cuts >= CUTS
    assert [worker.stop() for worker in workers] == [0, 0]


@pytest.mark.parametrize("ways", [(Way.TO_CLIENT,), tuple(Way)], ids=["one way", "both ways"])
def test_a_link_that_swallows_everything_without_a_word_is_left_behind(
    proxied: ProxiedBroker, proxied_meter: StartMeter, seed: int, rng: Random, ways: tuple[Way, ...]
) -> None:
    meter = proxied_meter(settings(), METER_BROKER=proxied.link.bootstrap)
    worker = meter.start().wait_ready()
    feeding = Load(meter.kafka, load(seed, meter.settings, events=EVENTS).steps, pace=200)
    time.sleep(rng.uniform(1.0, 3.0))
    proxied.link.proxy.swallow(*ways)
    time.sleep(SILENCE_SECONDS)
    proxied.link.proxy.swallow()
    feeding.join()
    back_to_zero_lag(meter)
    judged(meter, feeding)
    assert proxied.link.proxy.swallowed
    assert worker.wait_ready().stop() == 0


def test_a_slow_link_only_takes_longer(proxied: ProxiedBroker, proxied_meter: StartMeter, seed: int) -> None:
    proxy = proxied.link.proxy
    meter = proxied_meter(settings(), METER_BROKER=proxied.link.bootstrap)
    assert meter.start().wait_ready().stop() == 0
    meter.kafka.send([Message("usage", "long", b"x" * LONG_BYTES)] * LONG)
    proxy.latency, proxy.bytes_a_second = LATENCY_SECONDS, SLOW_BYTES_A_SECOND
    try:
        worker = meter.start().wait_ready()
        feeding = Load(meter.kafka, load(seed, meter.settings, events=1_000).steps, pace=200).join()
        back_to_zero_lag(meter)
        judged(meter, feeding)
        assert worker.stop() == 0
    finally:
        proxy.latency = proxy.bytes_a_second = 0
