"""What several files of this folder are given."""

import pytest

from tests.batch.scripted_broker import (
    ScriptedBroker,
    connect,
)


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> ScriptedBroker:
    scripted = ScriptedBroker()
    connect(monkeypatch, scripted)
    return scripted
