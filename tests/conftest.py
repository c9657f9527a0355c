"""Hypothesis judges what the code does, never how long a busy machine takes for it: properties write to disks too.
A property that fails prints the `@reproduce_failure` that repeats it.

And the fixtures of one real Kafka, which the tests of whole meters share, with faults and without, and of clusters.
"""

import gc
import os
import signal
import sys
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

from tests.meters import bootstrap as bootstrap
from tests.meters import module_meter as module_meter
from tests.meters import new_meter as new_meter
from tests.support import shared_broker
from tests.support.clusters import cluster_meter as cluster_meter
from tests.support.clusters import three_nodes as three_nodes
from tests.support.secure_node import secure_meter as secure_meter
from tests.support.secure_node import secure_node as secure_node

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("any machine")

# Brokers of tests live for seconds or minutes: the quick compiler and a single collector cost half of the CPU.
os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")

# Workers and commands start by the hundred: where nothing may be kept of a compilation, each compiles all of it.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A shell starts background jobs with SIGINT ignored, and children inherit that: tests that press Ctrl-C would wait.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    """Whoever starts a run makes the place of its broker, and stops that at the end."""
    place = shared_broker.place()
    if place is not None:
        config.add_cleanup(lambda: shared_broker.down(place))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected lives as long as its process: no look for garbage walks over it, then or later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
