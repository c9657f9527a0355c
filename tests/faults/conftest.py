"""Fixtures of faults: seeds that are printed, rounds, a broker that a test module owns, meters on it.

Four brokers to choose from: `bootstrap` (with `new_meter`: shared, never harmed), `broker` (with `broker_meter`: owned
by the module, may be harmed), `proxied` (with `proxied_meter`: behind a proxy) and `Broker` itself, for a test that
spoils its data.
"""

import os
import time
from collections.abc import Iterator
from random import Random

import pytest

from tests.faults.brokers import Broker
from tests.faults.proxied import ProxiedBroker, proxied_broker
from tests.meters import StartMeter, meters_at

#: How often each random fault is repeated, each time with another seed.
ROUNDS = int(os.environ.get("ROUNDS") or 1)
#: METER_TEST_SEED repeats a printed one.
SEED = int(os.environ.get("METER_TEST_SEED") or time.time_ns() % 1_000_000)


@pytest.fixture(params=range(ROUNDS), ids=lambda number: f"round {number + 1}")
def seed(request: pytest.FixtureRequest) -> int:
    """Another number in each round."""
    number = SEED + int(request.param)
    print(f"METER_TEST_SEED={number} repeats it")
    return number


@pytest.fixture
def rng(seed: int) -> Random:
    """Where a test takes its moments and victims from."""
    return Random(seed)


@pytest.fixture(scope="module")
def own_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker that this module may harm."""
    with Broker(tmp_path_factory.mktemp("own-broker")) as own:
        yield own


@pytest.fixture
def broker(own_broker: Broker) -> Broker:
    """That broker, running, however the test before left it."""
    own_broker.ensure_running()
    return own_broker


@pytest.fixture
def broker_meter(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartMeter]:
    """Makes meters on that broker, that live as long as a test."""
    yield from meters_at(broker.bootstrap, tmp_path_factory)


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxiedBroker]:
    """A broker behind a proxy."""
    with proxied_broker(tmp_path_factory.mktemp("proxied-broker")) as broker:
        yield broker


@pytest.fixture
def proxied_meter(proxied: ProxiedBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartMeter]:
    """Makes meters on it, whose workers know the proxy only if they are told of it."""
    yield from meters_at(proxied.bootstrap, tmp_path_factory)
