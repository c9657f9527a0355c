"""Watching open transactions goes on whatever Kafka does, and what ends it ends the worker."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agents.intake import open_transactions
from agents.intake.open_transactions import OpenTransactions
from agents.intake.resume import Refused
from agents.metrics.metrics import Metrics
from agents.worker import Worker
from meter.batch.lanes import Reopen
from meter.kafka.topics import Topics
from meter.settings import Settings


class Directory:
    """The directory behind an open transaction; `troubles` come one after the other as it is asked."""

    held_up, read_to, end = True, 5, 9

    def __init__(self, *troubles: BaseException) -> None:
        self.troubles = list(troubles)
        self.asked = 0

    async def catch_up(self) -> int:
        self.asked += 1
        if self.troubles:
            raise self.troubles.pop(0)
        return self.end


def watching(directory: Directory) -> Any:
    """The watch over a directory, and over no lanes."""
    intake: Any = SimpleNamespace(directory=directory)
    return OpenTransactions(Metrics(), Topics.of("")).watch(intake, list)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_transactions, "LOOK_SECONDS", 0.0)


TROUBLES = [Reopen("the log could not be read"), TimeoutError("no answer"), asyncio.CancelledError()]


@pytest.mark.parametrize("trouble", TROUBLES, ids=["no log", "silence", "a connection given up"])
def test_it_goes_on_after_what_passes(trouble: BaseException) -> None:
    async def story() -> None:
        directory = Directory(trouble)
        task = asyncio.create_task(watching(directory))
        while directory.asked < 3 and not task.done():
            await asyncio.sleep(0)
        assert not task.done()
        task.cancel()

    asyncio.run(story())


def test_what_ends_it_stops_the_worker_with_the_reason(tmp_path: Path) -> None:
    async def story() -> None:
        worker = Worker(Settings(data_dir=tmp_path), "intake")
        reason = asyncio.get_running_loop().create_future()
        worker.apps.append(SimpleNamespace(fail=reason.set_result))  # type: ignore[arg-type] # of an app one method
        refused = Refused("the store is closed")
        worker._look_for_good(watching(Directory(refused)), "watching open transactions")
        assert await reason is refused

    asyncio.run(asyncio.wait_for(story(), 5))
