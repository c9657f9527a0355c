"""What `meter broker` refuses and knows without starting anything; every test with a Kafka shows that it starts."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from meter.local_broker.broker import Broker, controller_port, own_properties, properties_text, shipped_properties
from meter.local_broker.jars import BrokerTrouble
from meter.local_broker.probe import is_kafka
from meter.local_broker.processes import HAS_PROC, alive, gone, ps
from tests.end_to_end.kafka import wait_until

#: For a process to start and end, on a busy machine.
SECONDS = 60.0


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which something that is no Kafka listens, and closes every connection."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        answering = threading.Thread(target=answer_all, args=(server,), daemon=True)
        answering.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    answering.join()


def answer_all(server: socket.socket) -> None:
    """Answer every connection with something that is no Kafka, until the server is shut."""
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
        return port


def test_a_port_in_use_by_something_else_is_refused(taken: int, tmp_path: Path) -> None:
    with pytest.raises(
        BrokerTrouble, match=f"port {taken} is in use by something else: .*; stop it, or choose another"
    ):
        Broker(tmp_path).up(taken)
    assert not (tmp_path / "kafka/broker.json").exists()


def test_the_controller_goes_past_a_port_in_use(taken: int) -> None:
    assert controller_port(taken - 1) > taken


@pytest.mark.parametrize("port", [0, -1, 65_536, 70_000])
def test_a_port_is_a_port(port: int, tmp_path: Path) -> None:
    with pytest.raises(BrokerTrouble, match="1–65535"):
        Broker(tmp_path).up(port)


def test_a_broker_has_room_for_its_controller() -> None:
    with pytest.raises(BrokerTrouble, match="choose another --port"):
        controller_port(65_535)


def test_what_is_no_kafka_is_not_taken_for_one(taken: int) -> None:
    assert not is_kafka("127.0.0.1", taken)
    assert not is_kafka("127.0.0.1", free_port())


def test_without_a_broker_there_is_nothing_to_stop(tmp_path: Path) -> None:
    broker = Broker(tmp_path)
    assert broker.running() is None
    assert broker.down() is None


@pytest.mark.parametrize("note", ["", "{}", "[]", '{"pid": "x", "port": 1}', '{"pid": 1, "port": 9092}'])
def test_a_note_of_another_process_is_no_broker(note: str, tmp_path: Path) -> None:
    (tmp_path / "kafka").mkdir()
    (tmp_path / "kafka/broker.json").write_text(note)
    assert Broker(tmp_path).running() is None


def test_a_process_of_the_same_id_is_not_stopped(tmp_path: Path) -> None:
    (tmp_path / "kafka").mkdir()
    (tmp_path / "kafka/broker.json").write_text(json.dumps({"pid": os.getppid(), "port": 9092}))
    assert Broker(tmp_path).down() is None
    assert alive(os.getppid())


def test_a_process_that_ended_is_gone_though_nobody_fetched_it() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        assert gone(child.pid, SECONDS)
    assert alive(os.getpid())
    assert not gone(os.getpid(), 0)


#: Its first thread ends, its second holds a port until its input ends: a JVM's threads do so when it is killed.
HALF_ENDED = """
import ctypes, socket, sys, threading
port = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=sys.stdin.read).start()
print("begun", flush=True)
ctypes.CDLL(None).pthread_exit(None)
"""


@pytest.mark.skipif(not HAS_PROC, reason="threads of other processes are read from /proc")
def test_a_process_is_not_gone_while_one_of_its_threads_holds_its_port() -> None:
    with subprocess.Popen([sys.executable, "-c", HALF_ENDED], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin and child.stdout and child.stdout.readline() == b"begun\n"
        wait_until("its first thread has ended", lambda: ps(child.pid, "state=")[:1] == "Z", SECONDS)
        assert not gone(child.pid, 0)
        child.stdin.close()
        assert gone(child.pid, SECONDS)


def test_its_settings_name_its_ports_and_directory(tmp_path: Path) -> None:
    lines = properties_text(own_properties(19_092, 19_094, tmp_path / "data")).splitlines()
    settings = dict(line.split("=", 1) for line in lines)
    assert settings["listeners"] == "PLAINTEXT://127.0.0.1:19092,CONTROLLER://127.0.0.1:19094"
    assert settings["controller.quorum.voters"] == "1@127.0.0.1:19094"
    assert settings["log.dirs"] == str(tmp_path / "data")
    assert settings["auto.create.topics.enable"] == "false"
    assert settings.keys() == shipped_properties().keys()


def test_without_java_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(BrokerTrouble, match="mvn was not found: install Maven"):
        Broker(tmp_path).up(free_port())
