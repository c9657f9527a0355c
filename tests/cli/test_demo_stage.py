"""How the demo begins and ends, as far as that needs no Kafka."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from meter.demo import watched
from meter.demo.guard import guarded
from meter.demo.shared_broker import stopped_unless_used, used
from meter.demo.stage import PortTaken, Stage, broker_there, ended_by_signals, environment, uninterrupted, worker
from meter.errors import UserError
from meter.local_broker.broker import Broker
from meter.settings import Settings
from tests.end_to_end.workers import free_port

NOWHERE = Settings.model_construct(broker="127.0.0.1:1")


class Obliging(BaseHTTPRequestHandler):
    """Answers every page with 200, as another demo's worker and dashboard do."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def somebody_else() -> Iterator[int]:
    """Another program that listens on this machine, its port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Obliging) as server:
        Thread(target=server.serve_forever).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()


@contextmanager
def silent_broker() -> Iterator[Settings]:
    """Settings of a broker that takes connections and never answers: a worker asks it for a while."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield Settings.model_construct(broker=f"127.0.0.1:{listening.getsockname()[1]}")


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


@pytest.mark.parametrize("command", ["worker", "dashboard"])
def test_an_answer_of_somebody_else_at_its_port_is_not_taken_for_its_own(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with somebody_else() as port, guarded() as guard:
        monkeypatch.setattr("meter.demo.stage.free_port", lambda: port)
        monkeypatch.setattr("meter.demo.watched.port_for", lambda settings: port)
        with (
            getattr(watched, command)(Stage(NOWHERE, tmp_path, guard), {}) as started,
            pytest.raises(PortTaken, match=f"another process took port {port} before the {command} did"),
        ):
            started.wait_for("/live")


def test_a_demo_whose_ports_were_taken_meanwhile_starts_on_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each was free when the demo looked; the second try looks again."""
    with somebody_else() as first, somebody_else() as second, silent_broker() as settings, guarded() as guard:
        looked = iter([first, second])
        monkeypatch.setattr("meter.demo.stage.free_port", lambda: next(looked, None) or free_port())
        monkeypatch.setattr("meter.demo.watched.port_for", lambda settings: next(looked, None) or free_port())
        with watched.running_with_dashboard(Stage(settings, tmp_path, guard), {}) as both:
            assert not {first, second} & {each.port for each in both}
            assert [each.page("/live") for each in both] == ["live\n", "live\n"]


def test_a_demo_leaves_the_broker_that_another_demo_uses(tmp_path: Path) -> None:
    broker = Broker(tmp_path)
    broker.home.mkdir()
    with used(broker.home), used(broker.home):
        assert not stopped_unless_used(broker)
    assert stopped_unless_used(broker)


def test_a_broker_is_started_on_this_machine_only() -> None:
    for elsewhere in ("meter.invalid:{}", "[::1]:{}", "127.0.0.1:{},127.0.0.1:1"):
        settings = Settings.model_construct(broker=elsewhere.format(free_port()))
        with (
            pytest.raises(UserError, match="only where METER_BROKER is one port of 127"),
            guarded() as guard,
            broker_there(settings, print, guard),
        ):
            pass
