"""A worker that stops is not ready, whoever asked it to and however its groups still look."""

from pathlib import Path
from types import SimpleNamespace

from agents.worker import Worker
from meter.settings import Settings


def joined_worker(tmp_path: Path) -> Worker:
    """A worker whose one group has joined and reads everything; nothing was started."""
    worker = Worker(Settings(data_dir=tmp_path), "meter")
    worker.apps = [SimpleNamespace(tables=SimpleNamespace(ready=lambda: True))]  # type: ignore[list-item] # all it asks
    assert worker.ready()
    return worker


def test_a_worker_that_was_asked_to_stop_is_not_ready(tmp_path: Path) -> None:
    worker = joined_worker(tmp_path)
    worker._stop.set()
    assert not worker.ready()
    assert worker.waiting_for() == ["not ready: stopping"]


def test_a_worker_that_stops_by_itself_is_not_ready(tmp_path: Path) -> None:
    worker = joined_worker(tmp_path)
    worker._stopping = True
    assert not worker.ready()
