"""Opening the first journal of a new cluster: its group coordinator comes a little later than its broker."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import GroupAuthorizationFailedError, GroupCoordinatorNotAvailableError, KafkaError

from agents.journal import opening
from agents.journal.opening import offsets_of


class NewCluster:
    """Asked for a group's offsets, it has no coordinator for the first so many times."""

    def __init__(self, missing: int, error: KafkaError) -> None:
        self.missing, self.error, self.asked = missing, error, 0

    async def list_consumer_group_offsets(self, group: str) -> dict[str, int]:
        self.asked += 1
        if self.asked <= self.missing:
            raise self.error
        return {group: 7}


def test_the_offsets_of_a_group_are_asked_for_until_a_new_cluster_has_its_coordinator(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(opening, "AGAIN_SECONDS", 0.0)
    cluster: Any = NewCluster(3, GroupCoordinatorNotAvailableError())
    assert asyncio.run(offsets_of(cluster, "intake")) == {"intake": 7}
    assert cluster.asked == 4


def test_an_error_that_no_retry_can_solve_is_raised_at_once() -> None:
    cluster: Any = NewCluster(3, GroupAuthorizationFailedError())
    with pytest.raises(GroupAuthorizationFailedError):
        asyncio.run(offsets_of(cluster, "intake"))
    assert cluster.asked == 1


def test_a_coordinator_that_never_comes_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster: Any = NewCluster(1_000_000_000, GroupCoordinatorNotAvailableError())
    monkeypatch.setattr(opening, "AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(opening, "time", SimpleNamespace(monotonic=lambda: float(cluster.asked)))  # an answer a second
    with pytest.raises(GroupCoordinatorNotAvailableError):
        asyncio.run(offsets_of(cluster, "intake"))
    assert cluster.asked == opening.COORDINATOR_SECONDS + 1
