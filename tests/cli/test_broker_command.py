"""`meter broker`: it starts what was asked for or nothing, and `down` finds what `up` started."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from meter.demo.guard import guarded
from meter.demo.stage import broker_there
from meter.errors import UserError
from meter.local_broker.broker import Broker
from meter.local_broker.processes import command_line
from meter.settings import Settings
from tests.end_to_end.kafka import wait_until
from tests.test_command import meter


@contextmanager
def pretended_broker(data_dir: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that looks like the broker of a data directory, noted as `up` notes it."""
    properties = data_dir.resolve() / "kafka" / "server.properties"
    properties.parent.mkdir(parents=True)
    command = [sys.executable, "-c", "import time; time.sleep(600)", "kafka.Kafka", str(properties)]
    with subprocess.Popen(command) as process:
        (properties.parent / "broker.json").write_text(json.dumps({"pid": process.pid, "port": port}))
        wait_until("it has its own command line", lambda: str(properties) in command_line(process.pid), 60)
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("port", ["0", "-1", "65536"])
def test_a_port_that_is_none_is_refused(tmp_path: Path, port: str) -> None:
    done = meter("broker", "up", "--port", port, "--data-dir", str(tmp_path / "data"))
    assert done.returncode == 1
    assert done.stderr == f"meter: --port is 1–65535, this is {port}\n"


@pytest.mark.parametrize("broker", ["kafka.example.org:9092", "127.0.0.1:9092,127.0.0.1:9093", "[::1]:9092"])
def test_a_kafka_elsewhere_is_not_answered_with_one_here(tmp_path: Path, broker: str) -> None:
    done = meter("broker", "up", "--data-dir", str(tmp_path / "data"), METER_BROKER=broker)
    assert done.returncode == 1
    assert done.stderr == (
        f"meter: METER_BROKER is {broker}, `meter broker up` starts a Kafka on 127.0.0.1 only; "
        "unset METER_BROKER, or name a port with --port\n"
    )
    assert not (tmp_path / "data").exists()


def test_a_kafka_with_passwords_is_not_answered_with_one_without(tmp_path: Path) -> None:
    done = meter("broker", "up", "--data-dir", str(tmp_path / "data"), METER_SECURITY_PROTOCOL="SSL")
    assert done.returncode == 1
    assert "METER_SECURITY_PROTOCOL is SSL, a Kafka of `meter broker up` speaks PLAINTEXT only" in done.stderr


def test_down_finds_the_broker_by_whichever_name_its_directory_has(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "data")
    with pretended_broker(tmp_path / "data", 14_001) as process:
        running = Broker(tmp_path / "link").running()
        assert running is not None
        assert running.pid == process.pid
        done = meter("broker", "down", "--data-dir", str(tmp_path / "link"))
        assert done.stdout.endswith("Kafka on 127.0.0.1:14001 is down\n")
        assert process.wait(60)


def test_down_names_the_brokers_that_run_elsewhere_and_leaves_them(tmp_path: Path) -> None:
    with pretended_broker(tmp_path / "data", 14_001) as process:
        done = meter("broker", "down", "--data-dir", str(tmp_path / "dat"))
        assert f"no broker of {tmp_path / 'dat'} was running: nothing to stop" in done.stdout
        assert f"`meter broker down --data-dir {tmp_path / 'data'}` stops the one that runs there" in done.stdout
        assert process.poll() is None


def test_the_demo_leaves_a_broker_that_it_did_not_start(tmp_path: Path) -> None:
    with pretended_broker(tmp_path, 14_001) as process:
        settings = Settings(broker="127.0.0.1:14003", data_dir=tmp_path)
        wrong_port = pytest.raises(UserError, match="has one on port 14001, asked for 14003")
        with wrong_port, guarded() as guard, broker_there(settings, print, guard):
            pass
        assert process.poll() is None
