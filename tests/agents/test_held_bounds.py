"""Records held back: how few of a workspace topic, and that a skip behind them leaves none of them out."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from agents.intake import held as held_module
from agents.intake.resume import Refused
from agents.intake.usage_lane import UsageLane
from agents.workspace_topics.lanes import WorkspaceTopicLane
from meter.batch.chunks import Chunk
from tests.agents.test_held import Intake, chunk, used


class Group:
    """The offset of the group."""

    def __init__(self) -> None:
        self.at: Any = None

    async def commit_offsets(self, offsets: dict[TP, tuple[int, str]]) -> bool:
        ((offset, metadata),) = offsets.values()
        self.at = SimpleNamespace(offset=offset, metadata=metadata)
        return True

    async def committed(self, tps: list[TP]) -> dict[TP, Any]:
        return dict.fromkeys(tps, self.at)


class IntakeOfALog(Intake):
    """The log goes on behind the chunk; `asked` holds the commits at which an order to skip was looked for."""

    def __init__(self, log: Chunk) -> None:
        super().__init__()
        self.log = log
        self.asked: list[int] = []
        self.control = SimpleNamespace(catch_up=self.mend, skip_for=self._skip_for)

    async def mend(self) -> None: ...

    async def ends(self, _: TP) -> tuple[int, int]:
        return 0, 100

    async def record_at(self, _: TP, offset: int) -> Any:
        return self.log.records[offset]

    def _skip_for(self, _: str, __: int, committed: int, ___: str) -> None:
        self.asked.append(committed)


async def waiting(lane: WorkspaceTopicLane, handling: "asyncio.Task[None]") -> None:
    """Comes back some looks after the lane began to wait, or when it does not."""
    while not lane.waits and not handling.done():
        await asyncio.sleep(0)
    await asyncio.wait({handling}, timeout=0.05)


def test_a_skip_of_what_is_gone_waits_for_the_records_held_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_module, "FULL_SECONDS", 0.001)

    async def story() -> None:
        log = chunk("usage", [used("known", "a"), used("new", "b"), used("known", "c")])
        intake: Any = IntakeOfALog(log)
        lane = UsageLane(SimpleNamespace(consumer=Group()), TP("usage", 0), intake)
        assert await lane.open() == 0
        await lane.handle(log)
        lane.spoiled("records 3 to 8 are gone", 9)
        opening = asyncio.create_task(lane.open())
        await asyncio.wait({opening}, timeout=0.05)
        assert not opening.done(), "an order to skip would leave out offset 1 too, which was read"
        intake.directory.end_it("new")
        with pytest.raises(Refused, match=r"records 3 to 8 are gone; `meter skip usage 0 9`"):
            await opening
        assert intake.put == ["a", "c", "b"]
        assert intake.asked == [3]

    asyncio.run(story())


def test_workspace_topics_are_left_unread_until_it_is_known_whose_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_module, "FULL_SECONDS", 0.001)

    async def story() -> None:
        log = chunk("usage.new", [used("new", name) for name in "abc"])
        intake: Any = IntakeOfALog(log)
        checks: Any = None
        lane = WorkspaceTopicLane(None, TP("usage.new", 0), "new", intake, checks)
        handling = asyncio.create_task(lane.handle(log))
        await waiting(lane, handling)
        assert (handling.done(), lane.waits, len(lane.held)) == (False, True, 0), "there may be thousands of them"
        intake.directory.end_it("new")
        await handling
        assert (intake.put, lane.waits, lane.position) == (["a", "b", "c"], False, 3)

    asyncio.run(story())


def test_a_workspace_topic_holds_back_one_record_of_a_transaction_that_opens_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(held_module, "FULL_SECONDS", 0.001)

    async def story() -> None:
        log = chunk("usage.new", [used("new", name) for name in "abc"])
        intake: Any = IntakeOfALog(log)
        checks: Any = None
        lane = WorkspaceTopicLane(None, TP("usage.new", 0), "new", intake, checks)
        handling = asyncio.create_task(UsageLane.handle(lane, log))
        await waiting(lane, handling)
        assert (len(lane.held), handling.done(), lane.waits) == (1, False, True)
        intake.directory.end_it("new")
        await handling
        await lane.look_again()
        assert (sorted(intake.put), lane.waits) == (["a", "b", "c"], False)

    asyncio.run(story())
