"""A dashboard without Kafka: its real file, pages and streams on a port of its own, fed with published records."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from meter.dashboard.ingest.batch import Ingest
from meter.dashboard.ingest.published import Published
from meter.dashboard.run import Dashboard
from meter.settings import Settings
from tests.dashboard.page_models import item
from tests.end_to_end.workers import free_port

METER = "tests"
START_SECONDS = 60.0
#: For what takes a moment, on a busy machine.
PATIENCE_SECONDS = 60.0
#: One for all: offsets and revisions rise.
REVISIONS = count(1)


class Board:
    """A dashboard in a thread; `feed` is what Kafka would bring."""

    def __init__(self, directory: Path, port: int = 0, **fields: Any) -> None:
        self.settings = Settings(data_dir=directory, dashboard_port=port or free_port(), **fields)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def address(self) -> str:
        """Where a browser finds it, without the slash at the end."""
        return f"http://127.0.0.1:{self.settings.dashboard_port}{self.settings.dashboard_base_path}"

    @property
    def today(self) -> str:
        """The present billing day."""
        return self.board.calendar.today(time.time_ns() // 1000)

    def __enter__(self) -> "Board":
        self.board = Dashboard(self.settings)  # as the command does it, before there is a loop
        self._thread.start()
        self._do(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self.board.store.close()

    def feed(self, *published: Published) -> None:
        """Records of the output topics: into the file, then to whoever looks."""
        self._do(self._feed(published))

    def streams(self) -> int:
        """Streams that are open."""
        return self.board.server.streams

    def waiting_bytes(self) -> int:
        """What is written to open streams and not taken yet."""
        assert self.board.server.visits is not None
        transports = [each.transport for each in self.board.server.visits.connections]
        return sum(each.get_write_buffer_size() for each in transports if each is not None)

    def until(self, what: str, found: Callable[[], object], meanwhile: Callable[[], object] = lambda: None) -> None:
        """Wait until something is so; `meanwhile` goes on happening."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not found():
            assert time.monotonic() < deadline, f"not so within {PATIENCE_SECONDS:.0f} s: {what}"
            meanwhile()
            time.sleep(0.02)

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(START_SECONDS)

    async def _start(self) -> None:
        self.board.store.begin(METER)
        self.board.live.lag_records = 0
        self.ingest = Ingest(self.board.store.writer, self.board.calendar)
        await self.board.server.start()

    async def _stop(self) -> None:
        """As the end of a process does it: the server, then whatever still runs."""
        await self._accept_no_more()
        await self.board.server.stop()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _accept_no_more(self) -> None:
        """Stop accepting some iterations before the server closes.

        asyncio never closes a connection accepted in the iteration that closes its server (CPython gh-109564).
        """
        runner: Any = self.board.server._runner
        for site in runner.sites:
            for listener in site._server.sockets:
                self._loop.remove_reader(listener.fileno())
        for _ in range(3):  # iterations in which the server gets to know the connections already accepted
            await asyncio.sleep(0)

    async def _feed(self, published: tuple[Published, ...]) -> None:
        positions = {(each.topic, each.partition): each.offset + 1 for each in published}
        self.board.live.asked_us = time.time_ns() // 1000
        self.board.changes.publish(self.ingest.take(published, positions, self.today))


def record(topic: str, key: str, value: Mapping[str, Any]) -> Published:
    """A published record of now."""
    return Published(topic, 0, next(REVISIONS), time.time_ns() // 1_000_000, key.encode(), json.dumps(value).encode())


def figures(account: str, day: str, name: str, quota: int, usages: Mapping[str, int], sent: str) -> list[Published]:
    """What the meter publishes after `sent` reported: a balance of the item, and an overage for each who is over."""
    one, revision = item(name, quota, usages), next(REVISIONS)
    parts = [{key: each[key] for key in ("workspace", "usage", "covered", "overage")} for each in one["workspaces"]]
    whole = {"account": account, "item": name, "day": day, "revision": revision}
    balance = {**whole, **{key: one[key] for key in ("quota", "covered", "left", "plans")}, "workspaces": parts}
    cause = {"kind": "usage", "workspaces": [sent], "topic": "usage", "partition": 0, "first_offset": 1}
    found = []
    for each in one["workspaces"]:
        if each["overage"]:
            charge = {"amount": each["charge"], "currency": "CNY", "lines": []}
            over = {**whole, "workspace": each["workspace"], "previous_revision": 0, "delta": each["overage"]}
            over |= {key: each[key] for key in ("usage", "covered", "overage", "basis")}
            over |= {"plans": ["o-1"], "charge": charge, "cause": {**cause, "last_offset": 1}, "restated": False}
            found.append(record("overages", f"{account}/{each['workspace']}/{name}/{day}", over))
    return [*found, record("quota-balances", f"{account}/{name}/{day}", balance)]
