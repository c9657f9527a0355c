"""Answers that are lost or late between a real worker and its broker: what was asked for may have been done, or not."""

import time
from collections.abc import Callable
from random import Random

import pytest

from tests.end_to_end.kafka import JOURNAL, wait_until
from tests.faults.load import FULL_PACE, Load, load, settings
from tests.faults.proxied import ProxiedBroker
from tests.faults.proxy import Kind, Proxy
from tests.faults.verdict import back_to_zero_lag, judged
from tests.meters import StartMeter

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

#: Longer than the time-out of a commit's requests (10 s): its partition goes on meanwhile, with another transaction.
LATE_SECONDS = 12.0
#: So many a second that the load outlasts the tricks, also on a busy machine; then the rest follows at once.
EVENTS, PACE = 2_400, 15
#: Until the next request of some kind comes along: a partition whose last answer was lost reopens first.
NEXT_SECONDS = 60.0


def named(name: str) -> bytes:
    """A string as Kafka writes it."""
    return len(name).to_bytes(2, "big") + name.encode()


def tricks(proxy: Proxy, prefix: str) -> list[tuple[Kind, Callable[[], None]]]:
    """What happens to answers, and to one request that comes when nobody wants it any more."""
    journal, dead, group = named(f"{prefix}{JOURNAL}"), named(f"{prefix}dead-letters"), named(f"{prefix}meter-intake")
    return [
        (Kind.END_TXN, lambda: proxy.lose_answer(Kind.END_TXN)),
        (Kind.END_TXN, lambda: proxy.lose_request(Kind.END_TXN)),
        (Kind.END_TXN, lambda: proxy.delay_answer(Kind.END_TXN, LATE_SECONDS)),
        (Kind.END_TXN, lambda: proxy.delay_request(Kind.END_TXN, LATE_SECONDS)),
        (Kind.PRODUCE, lambda: proxy.lose_answer(Kind.PRODUCE, journal)),
        (Kind.PRODUCE, lambda: proxy.lose_answer(Kind.PRODUCE, dead)),
        (Kind.OFFSET_COMMIT, lambda: proxy.lose_answer(Kind.OFFSET_COMMIT, group)),
    ]


def test_whatever_answer_is_lost_or_late_everything_counts_once(
    proxied: ProxiedBroker, proxied_meter: StartMeter, seed: int, rng: Random
) -> None:
    meter = proxied_meter(settings(), METER_BROKER=proxied.link.bootstrap)
    proxy, worker = proxied.link.proxy, meter.start().wait_ready()
    late = proxy.arrived_late
    feeding = Load(meter.kafka, load(seed, meter.settings, events=EVENTS).steps, batch=10, pace=PACE)
    time.sleep(2.0)
    ours = tricks(proxy, meter.kafka.prefix)
    rng.shuffle(ours)
    for kind, play in ours:
        before = proxy.played[kind]
        play()
        wait_until(f"a {kind.name} came along", lambda: proxy.played[kind] > before, NEXT_SECONDS, meter.logs)  # noqa: B023 # waits here
        time.sleep(rng.uniform(0.0, 1.0))
    assert feeding.running, "all of it under load"
    feeding.pace = FULL_PACE
    feeding.join()
    back_to_zero_lag(meter)
    wait_until("the late request arrived", lambda: proxy.arrived_late == late + 1, NEXT_SECONDS, meter.logs)
    prediction = judged(meter, feeding)
    assert "its answer is lost" in worker.log_text()
    worker.shows("meter_records_total", sum(sum(each.values()) for each in prediction.counts.values()))  # none died
    worker.shows("meter_dead_letters_total", len(prediction.dead))
    assert worker.wait_ready().stop() == 0
