"""The checks of published topics see what they are there to see."""

from dataclasses import dataclass
from typing import Any

import pytest

from tests import revisions


@dataclass(frozen=True)
class FakeRecord:
    """A record as the checks take it."""

    key: str
    value: dict[str, Any]
    partition: int = 0


def records_of(*figures: tuple[int, int, int, int]) -> list[FakeRecord]:
    """Records of one key: revision, previous revision, overage, delta."""
    names = ("revision", "previous_revision", "overage", "delta")
    return [FakeRecord("a/w/logs/2026-01-31", dict(zip(names, figure, strict=True))) for figure in figures]


GOOD = records_of((3, 0, 50, 50), (7, 3, 10, -40), (9, 7, 0, -10))


def test_a_good_history_passes() -> None:
    for check in (
        revisions.each_revision_once_and_in_order,
        revisions.one_content_for_a_revision,
        revisions.deltas_add_up,
        revisions.every_revision_changes_something,
    ):
        assert check(GOOD) == []
    assert revisions.latest(GOOD)["a/w/logs/2026-01-31"]["overage"] == 0


def test_faults_are_seen() -> None:
    assert revisions.each_revision_once_and_in_order([GOOD[1], GOOD[0]])
    assert revisions.each_revision_once_and_in_order([GOOD[0], GOOD[0]])
    assert revisions.each_revision_once_and_in_order(records_of((0, 0, 5, 5)))
    assert revisions.one_content_for_a_revision(records_of((3, 0, 50, 50), (3, 0, 51, 51)))
    assert revisions.deltas_add_up([GOOD[0], GOOD[2]])
    assert revisions.deltas_add_up(records_of((3, 0, 50, 50), (7, 4, 10, -40)))
    assert revisions.every_revision_changes_something(records_of((3, 0, 50, 50), (7, 3, 50, 0)))
    assert revisions.keys_keep_their_partition([FakeRecord("21/w/logs/2026-01-31", {}, 1)], 4)


@pytest.mark.parametrize(
    ("key", "hash_value"),
    [("21", -973932308), ("foobar", -790332482), ("a-little-bit-long-string", -985981536), ("", 275646681)],
)
def test_murmur2_is_kafkas(key: str, hash_value: int) -> None:
    assert revisions.murmur2(key.encode()) == hash_value & 0xFFFFFFFF
