"""Meters on one real Kafka: the fixtures of everything that needs one, started by the project's own command."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.end_to_end.workers import Meter
from tests.oracle_reading import Settings
from tests.support import shared_broker

StartMeter = Callable[..., Meter]


@pytest.fixture(scope="session")
def bootstrap() -> str:
    """The address of the one broker that no test harms."""
    return f"127.0.0.1:{shared_broker.up()}"


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
