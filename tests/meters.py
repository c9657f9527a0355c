"""Meters on one real Kafka: the fixtures of everything that needs one, started by the project's own command."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.end_to_end.workers import Meter, free_port
from tests.oracle_reading import Settings

BROKER_SECONDS = 300

StartMeter = Callable[..., Meter]


def meter_command(*arguments: str) -> None:
    """Runs `meter …` and fails with what it said."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("METER_")}
    done = subprocess.run(
        [sys.executable, "-m", "meter.cli", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=BROKER_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"meter {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}"


@pytest.fixture(scope="session")
def bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the one broker that no test harms."""
    directory = tmp_path_factory.mktemp("broker")
    port = free_port()
    try:
        meter_command("broker", "up", "--port", str(port), "--data-dir", str(directory))
        yield f"127.0.0.1:{port}"
    finally:
        meter_command("broker", "down", "--data-dir", str(directory))


@pytest.fixture(scope="module")
def module_meter(bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartMeter]:
    """Makes meters that live as long as a test module."""
    yield from meters_at(bootstrap, tmp_path_factory, forget=True)


@pytest.fixture
def new_meter(bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartMeter]:
    """Makes meters that live as long as a test."""
    yield from meters_at(bootstrap, tmp_path_factory, forget=True)


def meters_at(
    bootstrap: str, tmp_path_factory: pytest.TempPathFactory, *, forget: bool = False
) -> Iterator[StartMeter]:
    """Makes meters of one broker, and leaves none of their workers running; `forget`: nor their topics."""
    made: list[Meter] = []

    def make(settings: Settings, **variables: str) -> Meter:
        directory: Path = tmp_path_factory.mktemp("meter")
        made.append(Meter(bootstrap, directory, settings, **variables))
        return made[-1]

    try:
        yield make
    finally:
        for meter in made:
            meter.close()
            if forget:
                meter.kafka.forget()
