"""When a transaction is full: by its records, by the bytes of its outputs, or by the time that its fold has taken."""

import asyncio
import time
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from agents.meter import journal_lane
from agents.meter.journal_lane import JournalLane
from meter.batch.errors import Reopen


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


def test_a_transaction_that_cannot_be_committed_is_tried_in_halves_and_grows_again() -> None:
    """A broker that is slow for long would otherwise see the same transaction again and again."""
    lane = folding(records=1, output_bytes=0, seconds=0)
    outcome: list[Exception | None] = [Reopen("no answer"), Reopen("no answer"), None, None, None]

    async def commit(_: Any) -> dict[str, int]:
        answer = outcome.pop(0)
        if answer is not None:
            raise answer
        return {"meter.changelog": 9}

    def nothing(*_: Any) -> list[Any]:
        return []

    counts: Any = SimpleNamespace(committing=nothing, committed=nothing)
    metrics = SimpleNamespace(transaction_seconds=SimpleNamespace(observe=nothing))
    lane.meter = SimpleNamespace(
        topics=SimpleNamespace(changelog="meter.changelog"), metrics=metrics, settings=SimpleNamespace(topic_prefix="")
    )  # type: ignore[assignment]
    lane.fold = SimpleNamespace(balancing=nothing, finish=nothing, known=nothing, counts={})  # type: ignore[assignment]
    lane.state = SimpleNamespace(put_row=nothing, put_facts=nothing, changing=nothing, committed=nothing)  # type: ignore[assignment]
    lane.producer = SimpleNamespace(commit=commit)  # type: ignore[assignment]
    lane.counts = counts
    record = SimpleNamespace(offset=4, timestamp=1, value=b"x")
    shares = []
    while outcome:
        with suppress(Reopen):
            asyncio.run(lane._commit(record))
        shares.append(lane.share)
    assert shares == [0.5, 0.25, 0.5, 1.0, 1.0]
    lane.share, lane.folded, lane.begun = 0.5, journal_lane.CHUNK_RECORDS // 2, time.monotonic()
    lane.fold = SimpleNamespace(emitted_bytes=0)  # type: ignore[assignment]
    assert lane._full
