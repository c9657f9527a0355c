"""What an open transaction on `workspaces` holds back: nothing else waits, orders keep their order, nothing is lost."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from agents.intake import held as held_module
from agents.intake.catalog_follower import KnownCatalog
from agents.intake.journal_entries import Builder, OrderBuilder, UsageBuilder
from agents.intake.open_transactions import TELL_AFTER_SECONDS, OpenTransactions, ReadUpTo
from agents.intake.orders_lane import OrdersLane
from agents.intake.source_lane import SourceLane
from agents.intake.usage_lane import UsageLane
from agents.intake.validation_cache import ValidationCache
from agents.intake.workspace_directory import WorkspaceDirectory
from agents.metrics.metrics import Metrics
from meter.batch.chunks import Chunk
from meter.errors import UserError
from meter.kafka.topics import Topics
from meter.rules.billing_days import zone
from tests.agents.reading_ground import READER, RECEIVED_MS, event, value_of

#: The log of workspaces: a transaction is open at 5, it ends at 9.
OPEN_AT, END = 5, 9


class ScriptedDirectory(WorkspaceDirectory):
    """Workspaces `known…` are bound; a transaction hides what stands from `OPEN_AT` on until `end_it`."""

    def __init__(self) -> None:
        super().__init__("workspaces", zone("Asia/Shanghai"), 1, {})
        self.read_to, self.end = OPEN_AT, END
        self.bind(0, "known", "commercial")

    def bind(self, offset: int, workspace: str, tier: str = "free") -> None:
        value = json.dumps({"workspace": workspace, "account": "acct", "tier": tier}).encode()
        self.learn([SimpleNamespace(offset=offset, timestamp=0, value=value, headers=())])

    async def catch_up(self, *, within: float = 0.0) -> int:
        return self.end

    def end_it(self, *bound: str) -> None:
        for offset, workspace in enumerate(bound, OPEN_AT):
            self.bind(offset, workspace)
        self.read_to = END


class Intake:
    """Acknowledges at once what is put and buried, unless `refuse` is set."""

    def __init__(self) -> None:
        self.topics = Topics.of("")
        self.topic_ids: dict[str, str] = {}
        self.metrics = Metrics()
        self.reader, self.catalog, self.validation_cache = READER, KnownCatalog(), ValidationCache()
        self.facts = SimpleNamespace(zone=zone("Asia/Shanghai"), opening=SimpleNamespace(currency="CNY"))
        self.directory = ScriptedDirectory()
        self.writers = [SimpleNamespace(add=self._add)]
        self.put: list[str] = []
        self.buried: list[tuple[int, str]] = []
        self.refuse: Exception | None = None

    def _add(self, builder: Builder) -> "asyncio.Future[None]":
        if self.refuse is None:
            self.put += _names(builder)
        return self._done()

    def _done(self) -> "asyncio.Future[None]":
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.refuse is None:
            done.set_result(None)
        else:
            done.set_exception(self.refuse)
        return done

    async def bury(self, letter: Any) -> "asyncio.Future[None]":
        self.buried.append((letter.offset, letter.reason.value))
        return self._done()


def _names(builder: Builder) -> list[str]:
    if isinstance(builder, UsageBuilder):
        return builder.events.ids
    assert isinstance(builder, OrderBuilder)
    return [json.loads(builder.entry.content)["order_id"]]


def chunk(topic: str, values: list[bytes], start: int = 0) -> Chunk:
    records: list[Any] = [
        SimpleNamespace(offset=at, timestamp=RECEIVED_MS, timestamp_type=1, key=None, headers=(), value=value)
        for at, value in enumerate(values, start)
    ]
    return Chunk(TP(topic, 0), records, start + len(records), 1, start)


def used(workspace: str, name: str) -> bytes:
    return value_of(event(subject=workspace, id=name))


def ordered(account: str, name: str, *workspaces: str) -> bytes:
    order: dict[str, Any] = {"order_id": name, "account": account, "kind": "top_up", "method": "cash", "amount": "1.00"}
    if workspaces:
        order |= {"kind": "purchase", "plan": "startup", "workspaces": workspaces}
    return json.dumps(order).encode()


def on(kind: type[SourceLane], story: Callable[[Any, Intake], Awaitable[None]]) -> None:
    """Play a story with a lane of its own."""

    async def played() -> None:
        intake: Any = Intake()
        topic = "usage" if kind is UsageLane else "plan-purchases"
        await story(kind(None, TP(topic, 0), intake), intake)

    asyncio.run(played())


def test_usage_of_known_workspaces_goes_on_and_the_commit_stays_before_what_waits() -> None:
    async def story(lane: UsageLane, intake: Intake) -> None:
        await lane.handle(chunk("usage", [used("known", "a")]))
        await lane.handle(
            chunk("usage", [used("known", "b"), used("new", "c"), used("known", "d"), used("no", "e")], 1)
        )
        assert intake.put == ["a", "b", "d"]
        assert lane.holding
        committed = lane.progress()
        assert committed is not None
        assert committed[0] == 2, "offset 2 is the first that waits"
        assert committed[1].startswith("0 "), "the mark is of a record before it"
        await lane.look_again()
        assert intake.put == ["a", "b", "d"], "the transaction is still open"
        intake.directory.end_it("new")
        await lane.look_again()
        assert intake.put == ["a", "b", "d", "c"]
        assert intake.buried == [(4, "workspace_unknown")]
        assert not lane.holding
        assert (lane.progress() or (0, ""))[0] == 5

    on(UsageLane, story)


def test_while_a_chunk_is_in_hand_nothing_of_it_is_committed() -> None:
    async def story(lane: UsageLane, intake: Intake) -> None:
        await lane.handle(chunk("usage", [used("known", "a")]))
        await lane.hold(chunk("usage", [b"x"], 7).records[0], held_module.NotYetKnown(END, ("new",)))
        assert (lane.progress() or (0, ""))[0] == 1

    on(UsageLane, story)


def test_what_waits_is_let_go_only_when_it_is_acknowledged() -> None:
    async def story(lane: UsageLane, intake: Intake) -> None:
        await lane.handle(chunk("usage", [used("new", "a")]))
        intake.directory.end_it("new")
        intake.refuse = RuntimeError("not written")
        with pytest.raises(RuntimeError):
            await lane.look_again()
        assert lane.progress() is None or lane.progress() == (0, "begun")
        intake.refuse = None
        await lane.look_again()
        assert intake.put == ["a"]

    on(UsageLane, story)


def test_an_accounts_orders_wait_behind_the_one_that_waits_and_others_do_not() -> None:
    async def story(lane: OrdersLane, intake: Intake) -> None:
        values = [
            ordered("acct", "before"),
            ordered("acct", "waits", "known", "new"),
            ordered("acct", "after"),
            ordered("other", "free"),
            ordered("acct", "last", "known"),
        ]
        await lane.handle(chunk("plan-purchases", values))
        assert intake.put == ["before", "free"]
        assert (lane.progress() or (0, ""))[0] == 1
        await lane.handle(chunk("plan-purchases", [ordered("acct", "later"), ordered("other", "more", "known")], 5))
        await lane.look_again()
        assert intake.put == ["before", "free", "more"], "a later order of the account waits behind the first"
        intake.directory.end_it("new")
        await lane.look_again()
        assert intake.put == ["before", "free", "more", "waits", "after", "last", "later"]
        assert not lane.holding

    on(OrdersLane, story)


def test_an_order_waits_for_a_free_workspace_that_may_be_commercial_behind_the_transaction() -> None:
    async def story(lane: OrdersLane, intake: Intake) -> None:
        intake.directory.bind(1, "free")
        values = [ordered("acct", "waits", "known", "free"), ordered("other", "goes-on", "known")]
        await lane.handle(chunk("plan-purchases", values))
        assert intake.put == ["goes-on"], "refused now it would stay refused, though the upgrade was acknowledged"
        intake.directory.bind(OPEN_AT, "free", "commercial")
        await lane.look_again()
        assert intake.put == ["goes-on", "waits"]

    on(OrdersLane, story)


def test_an_order_of_a_workspace_that_stays_free_is_decided_when_the_transaction_ends() -> None:
    async def story(lane: OrdersLane, intake: Intake) -> None:
        intake.directory.bind(1, "free")
        await lane.handle(chunk("plan-purchases", [ordered("acct", "refused", "free")]))
        await lane.look_again()
        assert intake.put == []
        intake.directory.end_it()
        await lane.look_again()
        assert intake.put == ["refused"]

    on(OrdersLane, story)


def test_a_partition_that_may_hold_back_no_more_waits_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_module, "HELD_RECORDS", 3)
    monkeypatch.setattr(held_module, "FULL_SECONDS", 0.001)

    async def story(lane: UsageLane, intake: Intake) -> None:
        values = [used("new", str(number)) for number in range(6)]
        handling = asyncio.create_task(lane.handle(chunk("usage", values)))
        while not lane.held.full:
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        assert not handling.done()
        assert len(lane.held) == 3
        intake.directory.end_it("new")
        await handling
        await lane.look_again()
        assert sorted(intake.put) == ["0", "1", "2", "3", "4", "5"]

    on(UsageLane, story)


def sample(metrics: Metrics, topic: str) -> float | None:
    return metrics.registry.get_sample_value("meter_open_transaction_seconds", {"topic": topic})


def test_an_open_transaction_shows_as_long_as_it_is_open(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = 100.0
    monkeypatch.setattr("agents.intake.open_transactions.time.monotonic", lambda: now)
    metrics = Metrics()
    watch = OpenTransactions(metrics, Topics.of("p."))
    workspaces, own = TP("p.workspaces", 0), TP("p.usage.w", 1)
    watch.look([ReadUpTo(workspaces, 5, 5, 9), ReadUpTo(own, 3, 7, 8)], held=4)
    now += TELL_AFTER_SECONDS
    watch.look([ReadUpTo(workspaces, 5, 5, 9), ReadUpTo(own, 7, 7, 8)], held=4)
    assert (sample(metrics, "workspaces"), sample(metrics, "workspace topics")) == (TELL_AFTER_SECONDS, 0)
    assert metrics.registry.get_sample_value("meter_records_held") == 4
    (logged,) = caplog.messages
    assert "workspaces/0: a producer's transaction is open at offset 5 for 10 s: 4 records" in logged
    now += 1
    watch.look([ReadUpTo(workspaces, 9, 9, 9), ReadUpTo(own, 7, 7, 8)], held=0)
    assert (sample(metrics, "workspaces"), sample(metrics, "workspace topics")) == (0, 1)
    assert len(caplog.messages) == 1


def test_a_command_says_what_it_waits_for_instead_of_calling_a_workspace_unknown() -> None:
    directory = ScriptedDirectory()
    directory.require_answer(["known", "new"])
    directory.bind(1, "free")
    directory.held_up = True
    directory.require_answer(["known"])
    with pytest.raises(UserError, match=r"a producer's transaction is open at offset 5, .* account new belongs"):
        directory.require_answer(["known", "new"])
    directory.require_answer(["free"])
    with pytest.raises(UserError, match=r"a producer's transaction is open at offset 5, .* whether free is commercial"):
        directory.require_answer(["known", "free"], commercial=True)


def test_an_order_costs_the_same_however_many_are_held_back() -> None:
    held = held_module.Held()
    records = chunk("plan-purchases", [b"x"] * 5_000).records
    for at, each in enumerate(records):
        assert not held.holds_orders_of(f"account-{at}")
        held.add(
            each, held_module.NotYetKnown(END, ("new",), f"account-{at % 100}" if at % 2 else f"account-{at}"), None
        )
    assert held.holds_orders_of("account-1")
    held.remove(held.due(END, lambda _: None))
    assert not held.holds_orders_of("account-1")
    assert not held
