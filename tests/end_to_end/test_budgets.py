"""Budgets on a real Kafka: thresholds are raised and cleared once each, whatever happens to who watches them."""

import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests import records
from tests.end_to_end.commands import begin, run
from tests.end_to_end.kafka import wait_until
from tests.end_to_end.workers import Meter
from tests.meters import StartMeter
from tests.oracle_reading import Settings
from tests.oracle_time import billing_day, day_text
from tests.scenarios import midnight_zone

pytestmark = pytest.mark.e2e

MILLION = 1_000_000
#: For a process to start, or to say what it saw, on a busy machine.
SECONDS = 120


class Watched:
    """A meter, and a process that watches its budgets; one workspace pays by usage, 1.50 for a million logs."""

    def __init__(self, meter: Meter, zone: str) -> None:
        self.meter = meter
        self.now_us = time.time_ns() // 1000
        self.today = day_text(billing_day(self.now_us, zone))
        self.process: subprocess.Popen[str] | None = None
        self._events = 0

    def start(self) -> None:
        self.process = begin(self.meter, "budget", "watch")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.communicate()

    def use(self, millions: int) -> None:
        """Usage, or a correction, folded."""
        self._events += 1
        event = records.usage(
            "w", "logs", millions * MILLION, self.now_us, id=f"{self._events}", corrected=millions < 0
        )
        self.meter.kafka.send([records.usage_message(event)])
        self.meter.settle()

    def seen(self, budget: str = "cap") -> list[tuple[int, str, str]]:
        """Alerts of a budget of money today, in the order of their revisions within each threshold."""
        published = [each for each in self.meter.kafka.published("budget-alerts") if each.value["budget"] == budget]
        assert {each.value["since"] for each in published} <= {self.today}
        by_key: dict[str, list[int]] = {}
        for each in published:
            by_key.setdefault(each.key, []).append(each.value["revision"])
        assert all(revisions == list(range(1, len(revisions) + 1)) for revisions in by_key.values())
        return [(each.value["threshold"], each.value["state"], each.value["value"]) for each in published]

    def becomes(self, *alerts: tuple[int, str, str], budget: str = "cap") -> None:
        """Waits until exactly these were published."""
        wait_until(
            f"alerts are {alerts}",
            lambda: self.seen(budget) == list(alerts),
            SECONDS,
            lambda: str(self.seen(budget)),
        )


@pytest.fixture
def watched(new_meter: StartMeter) -> Iterator[Watched]:
    zone = midnight_zone(time.time_ns() // 1000, 12 * 3600)
    meter = new_meter(Settings(zone))
    meter.start().wait_ready()
    meter.kafka.send([records.binding_message(records.binding("w", "acct_1"))])
    meter.settle()
    watched = Watched(meter, zone)
    code, found = run(meter, "budget", "set", "acct_1", "cap", "--money", "15.00")
    assert code == 1
    assert "`meter budget watch` creates it" in found
    watched.start()
    wait_until("the topics are there", lambda: {"budgets", "budget-alerts"} <= meter.kafka.topics(), SECONDS)
    yield watched
    watched.kill()


def test_each_crossing_is_published_once_whoever_dies(watched: Watched) -> None:
    code, found = run(watched.meter, "budget", "set", "acct_1", "cap", "--money", "15.00")
    assert (code, found) == (0, "set: cap: 15.00 a day, alerts at 80 %, 100 %\n")
    watched.use(8)
    watched.becomes((80, "raised", "12.00"))
    watched.kill()
    watched.use(4)
    watched.use(-7)
    watched.start()
    away = [(100, "raised", "18.00"), (80, "cleared", "7.50"), (100, "cleared", "7.50")]
    watched.becomes((80, "raised", "12.00"), *away)
    other = begin(watched.meter, "budget", "watch")
    try:
        watched.use(5)
        again = [(80, "raised", "15.00"), (100, "raised", "15.00")]
        watched.becomes((80, "raised", "12.00"), *away, *again)
        assert watched.process is not None
        watched.process.send_signal(signal.SIGTERM)
        assert watched.process.wait(SECONDS) == 0
        assert run(watched.meter, "budget", "set", "acct_1", "cap", "--money", "18.00")[0] == 0
        changed = [(80, "raised", "15.00"), (100, "cleared", "15.00")]
        watched.becomes((80, "raised", "12.00"), *away, *again, *changed)
        code, found = run(watched.meter, "budget", "list", "acct_1")
        assert code == 0, found
        assert "cap 80 % reached: raised, 15.00 of 18.00" in found
        assert run(watched.meter, "budget", "clear", "acct_1", "cap") == (0, "cleared: cap of acct_1\n")
        watched.becomes((80, "raised", "12.00"), *away, *again, *changed, (80, "cleared", "15.00"))
        assert run(watched.meter, "budget", "clear", "acct_1", "cap")[0] == 1
    finally:
        other.kill()
        other.communicate()
