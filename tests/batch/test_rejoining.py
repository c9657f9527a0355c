"""A worker joins its group again however the coordinator answers while it starts."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.consumer.group_coordinator import CoordinatorGroupRebalance
from aiokafka.errors import GroupAuthorizationFailedError, GroupLoadInProgressError, KafkaError, UnknownError

from meter.batch.patches import rejoining


class Coordinator:
    """Answers who asks for its share with an error, and hears who wants to join again."""

    generation, member_id = 5, "member"
    rejoins = 0
    _rebalance_timeout_ms = 15_000

    def __init__(self, error: type[KafkaError]) -> None:
        self.error = error

    async def _send_req(self, request: Any) -> Any:
        return SimpleNamespace(error_code=self.error.errno)

    def request_rejoin(self) -> None:
        self.rejoins += 1


def asked(monkeypatch: pytest.MonkeyPatch, coordinator: Coordinator) -> Any:
    """What becomes of asking for a share, by the worker's own way."""
    monkeypatch.setattr(
        CoordinatorGroupRebalance, "_send_sync_group_request", CoordinatorGroupRebalance._send_sync_group_request
    )
    rejoining.install()

    async def ask() -> Any:
        rebalance: Any = CoordinatorGroupRebalance(coordinator, "meter", 1, None, [], 8_000, 100)
        return await rebalance._send_sync_group_request(object())

    return asyncio.run(ask())


def test_a_coordinator_that_still_loads_its_groups_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    coordinator = Coordinator(GroupLoadInProgressError)
    assert asked(monkeypatch, coordinator) is None
    assert coordinator.rejoins == 1


@pytest.mark.parametrize(
    ("error", "expected"), [(UnknownError, "UnknownError"), (GroupAuthorizationFailedError, "meter")]
)
def test_an_error_that_no_retry_solves_is_raised(
    monkeypatch: pytest.MonkeyPatch, error: type[KafkaError], expected: str
) -> None:
    with pytest.raises(KafkaError, match=expected):
        asked(monkeypatch, Coordinator(error))
