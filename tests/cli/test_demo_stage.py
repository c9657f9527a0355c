"""How the demo begins and ends, as far as that needs no Kafka."""

import os
import signal
from pathlib import Path

import pytest

from meter.demo.guard import guarded
from meter.demo.stage import Stage, broker_there, ended_by_signals, environment, uninterrupted, worker
from meter.errors import UserError
from meter.settings import Settings
from tests.end_to_end.workers import free_port

NOWHERE = Settings.model_construct(broker="127.0.0.1:1")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_any_end_goes_through_every_finally(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), ended_by_signals():
        signal.raise_signal(number)
    assert signal.getsignal(number) is before


def test_a_second_interrupt_does_not_stop_the_stopping() -> None:
    with uninterrupted():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN


def test_the_worker_takes_over_how_to_reach_kafka_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METER_SASL_PASSWORD", "geheim")
    monkeypatch.setenv("METER_PARTITIONS", "9")
    monkeypatch.setenv("METER_CATALOG", "other.toml")
    found = environment(NOWHERE, {"METER_TOPIC_PREFIX": "demo-1."})
    assert {name: value for name, value in found.items() if name.startswith("METER_")} == {
        "METER_BROKER": "127.0.0.1:1",
        "METER_SASL_PASSWORD": "geheim",
        "METER_TOPIC_PREFIX": "demo-1.",
    }
    assert found["PATH"] == os.environ["PATH"]


def test_a_worker_that_ends_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    with guarded() as guard, worker(Stage(NOWHERE, tmp_path, guard), {"METER_TOPIC_PREFIX": "wrong"}) as started:
        with pytest.raises(
            UserError, match=r"the worker ended with exit code 1; the end of its log:\nmeter: METER_TOPIC_PR"
        ):
            started.wait_for("/ready")
        assert started.taken_in() == {}


def test_a_broker_is_started_on_this_machine_only() -> None:
    for elsewhere in ("meter.invalid:{}", "[::1]:{}", "127.0.0.1:{},127.0.0.1:1"):
        settings = Settings.model_construct(broker=elsewhere.format(free_port()))
        with (
            pytest.raises(UserError, match="only where METER_BROKER is one port of 127"),
            guarded() as guard,
            broker_there(settings, print, guard),
        ):
            pass
