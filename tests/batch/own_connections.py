"""aiokafka's connections as the meter has them, for one test: what it changes in them is put back afterwards."""

import pytest
from aiokafka import conn as aiokafka_conn
from aiokafka.conn import AIOKafkaConnection

from meter.batch.patches import connections


def mend_for_one_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mend the connections; `monkeypatch` remembers every name that this replaces."""
    for owner, name in (
        (AIOKafkaConnection, "connect"),
        (AIOKafkaConnection, "send"),
        (AIOKafkaConnection, "close"),
        (aiokafka_conn, "AIOKafkaProtocol"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    connections.install()
