"""The one Kafka with TLS, SASL and rights, which all processes of a run share as they share the one without.

Whichever needs it first starts it. Tests take users of their own (`Cluster.add_user`); nobody harms it.
"""

import fcntl
import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.meters import StartMeter, meters_at
from tests.support.clusters import Cluster
from tests.support.shared_broker import PLACE


def up() -> Cluster:
    """Starts the node unless another process did."""
    directory = Path(os.environ[PLACE])
    noted = directory / "secure-node"
    with (directory / "secure-node.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if noted.exists():
            known = pickle.loads(noted.read_bytes())
            assert isinstance(known, Cluster)
            return known
        cluster = Cluster(directory / "secure", 1, secure=True)
        described = pickle.dumps(cluster)  # before it has clients
        cluster.start()
        noted.write_bytes(described)
        return cluster


@pytest.fixture(scope="session")
def secure_node() -> Cluster:
    """One node with TLS, SASL and rights."""
    return up()


@pytest.fixture
def secure_meter(secure_node: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartMeter]:
    """Makes meters on the secure node, that live as long as a test."""
    yield from meters_at(secure_node.bootstrap, tmp_path_factory, forget=True)
