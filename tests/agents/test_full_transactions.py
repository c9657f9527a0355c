"""When a transaction is full: by its records, by the bytes of its outputs, or by the time that its fold has taken."""

import time
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from agents.meter import journal_lane
from agents.meter.journal_lane import JournalLane


def folding(*, records: int, output_bytes: int, seconds: float) -> JournalLane:
    """A lane in the middle of a transaction."""
    meter: Any = SimpleNamespace(metrics=None, folded_sources={0: {}})
    app: Any = None
    lane = JournalLane(app, TP("meter.journal", 0), meter)
    fold: Any = SimpleNamespace(emitted_bytes=output_bytes)
    lane.fold, lane.folded, lane.begun = fold, records, time.monotonic() - seconds
    return lane


@pytest.mark.parametrize(
    ("records", "output_bytes", "seconds"),
    [
        (journal_lane.CHUNK_RECORDS, 0, 0),
        (1, journal_lane.CHUNK_OUTPUT_BYTES, 0),
        (1, 0, journal_lane.CHUNK_SECONDS),
    ],
    ids=["records", "bytes", "seconds"],
)
def test_a_transaction_is_full(records: int, output_bytes: int, seconds: float) -> None:
    assert folding(records=records, output_bytes=output_bytes, seconds=seconds)._full


def test_a_transaction_that_has_just_begun_is_not_full() -> None:
    assert not folding(records=1, output_bytes=1_000, seconds=0)._full
