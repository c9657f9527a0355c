"""A lane for each partition that the group assigned to this worker, from one rebalance until another takes it away.

A lane keeps running through a rebalance that leaves its partition here: correctness rests on fencing and identities,
never on the moment of a revocation.
"""

import asyncio
import logging
import time
from typing import Any

from aiokafka.errors import IllegalStateError, NoOffsetForPartitionError, OffsetOutOfRangeError
from faust.tables.manager import TableManager
from faust.types import TP

from meter.batch.chunks import Chunk
from meter.batch.lanes import Lane, Runner
from meter.batch.read_errors import read_error
from meter.batch.stopping import spared
from meter.errors import UserError

log = logging.getLogger(__name__)

#: Errors about a partition that was just assigned or revoked.
IN_PASSING = (IllegalStateError, NoOffsetForPartitionError, OffsetOutOfRangeError)
#: Before others take over, the current chunks get this long to finish, and their commit as long.
DRAIN_SECONDS = 2.0


class LaneManager(TableManager):
    """Faust's table manager, with lanes instead of recovering tables record by record."""

    logger = logging.getLogger("faust.tables")

    def __init__(self, app: Any, **kwargs: Any) -> None:
        super().__init__(app, **kwargs)
        self.runners: dict[TP, Runner] = {}
        self.joined = False

    async def on_start(self) -> None:
        self._tables_finalized.set()
        self._tables_registered.set()

    async def on_stop(self) -> None:
        await self.app._fetcher.stop()
        await self.leave_all()

    async def leave_all(self) -> None:
        await asyncio.gather(*(runner.leave() for runner in self.runners.values()))
        await self.drain()
        self.runners = {}

    async def drain(self) -> None:
        """Let the current chunks finish and commit what was handled, so that the next owner repeats little."""
        app: Any = self.app
        if app.commit_progress is None:
            return
        deadline = time.monotonic() + DRAIN_SECONDS
        while time.monotonic() < deadline and any(runner.busy for runner in self.runners.values()):
            await asyncio.sleep(0.02)
        try:
            await asyncio.wait_for(spared(app.commit_progress()), DRAIN_SECONDS)
        except TimeoutError:
            log.info("%s: not all offsets were committed in time; their records are read again", app.conf.id)

    def offer(self, chunk: Chunk) -> None:
        """Hand a chunk to its lane; drop it if the partition was taken away, since the next owner reads it."""
        runner = self.runners.get(chunk.tp)
        if runner is not None:
            runner.offer(chunk)

    def lane(self, tp: TP) -> Lane | None:
        runner = self.runners.get(tp)
        return None if runner is None else runner.lane

    def lanes(self) -> list[Lane]:
        return [runner.lane for runner in self.runners.values()]

    def ready(self) -> bool:
        """Whether the worker is a member and every assigned partition is restored and read (or set aside)."""
        return self.member() and all(runner.reading or runner.aside for runner in self.runners.values())

    def member(self) -> bool:
        """Whether the group is joined and the coordinator was heard within a session timeout."""
        app: Any = self.app
        return self.joined and app.consumer.silence() < app.conf.broker_session_timeout

    def opening(self) -> list[Lane]:
        """Lanes that are still restoring."""
        return [runner.lane for runner in self.runners.values() if not (runner.reading or runner.aside)]

    def on_partitions_revoked(self, revoked: set[TP]) -> None:
        self.joined = False

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        app: Any = self.app
        gone = [self.runners.pop(tp) for tp in list(self.runners) if tp not in assigned]
        new = len(assigned - self.runners.keys())
        shares = (
            f"{len(assigned)} partitions assigned (generation {generation_id}), {new} of them new, {len(gone)} gone"
        )
        log.info("%s: %s", app.conf.id, shares)
        await asyncio.gather(*(runner.leave() for runner in gone))
        app.flow_control.resume()
        app.consumer.resume_flow()
        await app._fetcher.maybe_start()
        app.on_rebalance_end()
        for runner in self.runners.values():
            runner.rejoin()
        for tp in sorted(assigned - self.runners.keys()):
            self.runners[tp] = Runner(app.lane_for(tp))
        self.joined = True

    def on_read_error(self, error: Exception) -> bool:
        """Handle an error of fetching; True if lanes took it. An error that retries cannot solve stops the worker."""
        if read_error(error, self.runners):
            return True
        app: Any = self.app
        if getattr(error, "retriable", False) or isinstance(error, IN_PASSING):
            log.warning("%s: reading failed (%r); trying again", app.conf.id, error)
        else:
            reason = UserError(f"{app.conf.id} cannot read: {error!r}")
            reason.__cause__ = error
            app.fail(reason)
        return False

    async def wait_until_recovery_completed(self) -> bool:
        return False
