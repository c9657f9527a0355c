"""A worker that stops is not ready, whoever asked it to and however its groups still look."""

import asyncio
from pathlib import Path
from types import SimpleNamespace

from agents.worker import Worker
from meter.settings import Settings


def joined_worker(tmp_path: Path) -> Worker:
    """A worker whose one group has joined and reads everything; nothing was started."""
    worker = Worker(Settings(data_dir=tmp_path), "meter")
    worker.readiness.apps.append(SimpleNamespace(tables=SimpleNamespace(ready=lambda: True)))  # type: ignore[arg-type]
    assert worker.readiness.ready()
    return worker


def test_a_worker_that_was_asked_to_stop_is_not_ready(tmp_path: Path) -> None:
    worker = joined_worker(tmp_path)
    worker._asked_to_stop()
    assert not worker.readiness.ready()
    assert worker.readiness.lines() == ["not ready: stopping"]


def test_a_worker_that_stops_by_itself_is_not_ready(tmp_path: Path) -> None:
    worker = joined_worker(tmp_path)
    asyncio.run(worker._finish())
    assert not worker.readiness.ready()
