"""Any story of open transactions, failed writes and crashes: every record has one end, and orders keep their order.

The seed of a story that fails is in its name.
"""

import asyncio
import json
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from agents.intake import held as held_module
from agents.intake.journal_entries import Builder, OrderBuilder
from agents.intake.orders_lane import OrdersLane
from agents.intake.source_lane import SourceLane
from agents.intake.usage_lane import UsageLane
from meter.batch.lanes import Reopen
from schemas.rows import NEVER
from tests.agents.test_held import Intake, chunk, ordered, used

STORIES = 60
RECORDS = 30
#: Workspaces of which `workspaces` says something sooner or later, and one of which it never does.
TOLD, NEVER_TOLD = ("known", "w1", "w2", "w3"), "no"
ACCOUNTS = ("a", "b")


class Story:
    """One source partition and the workers that read it, one after the other."""

    def __init__(self, kind: type[SourceLane], seed: int) -> None:
        self.rng, self.kind = Random(f"{kind.__name__} {seed}"), kind
        self.topic = "usage" if kind is UsageLane else "plan-purchases"
        self.values = [self._value(at) for at in range(RECORDS)]
        self.intake: Any = Intake()
        #: What `workspaces` says that nobody knows yet: each is free at first, most are commercial then.
        upgraded = self.rng.sample(TOLD[1:], 2)
        self.unsaid = [*((name, "free") for name in TOLD[1:]), *((name, "commercial") for name in upgraded)]
        #: What must be known of workspaces when an order that lists them is written; and with what each was.
        self.commercial = {"known", *upgraded}
        self.written: list[tuple[str, dict[str, bool]]] = []
        self.intake.writers = [SimpleNamespace(add=self._add)]
        self.intake.directory.read_to, self.intake.directory.end = 1, 1 + len(self.unsaid)
        self.committed = 0
        self.begin()

    def _value(self, at: int) -> bytes:
        if self.kind is UsageLane:
            return used(self.rng.choice((*TOLD, NEVER_TOLD)), f"{at}")
        names = self.rng.sample((*TOLD, NEVER_TOLD), self.rng.randrange(3))
        return ordered(self.rng.choice(ACCOUNTS), f"{at}", *names)

    def _add(self, builder: Builder) -> "asyncio.Future[None]":
        if isinstance(builder, OrderBuilder):
            order_id = json.loads(builder.entry.content)["order_id"]
            self.written.append((order_id, {name: at.commercial < NEVER for name, at in builder.named.items()}))
        done: asyncio.Future[None] = self.intake._add(builder)
        return done

    def begin(self) -> None:
        """A worker begins where the group stands."""
        self.lane: Any = self.kind(None, TP(self.topic, 0), self.intake)
        self.lane.position = self.lane.committed = self.committed

    async def homes_move(self) -> None:
        """A transaction ends, maybe: one record more of `workspaces` shows, all of which were sent before."""
        directory = self.intake.directory
        if self.unsaid and self.rng.random() < 0.1:
            directory.bind(directory.read_to, *self.unsaid.pop(0))
            directory.read_to += 1
        await asyncio.sleep(0)

    async def read_on(self) -> None:
        start = self.lane.position
        some = self.values[start : start + self.rng.randint(1, 6)]
        if not some:
            return
        self.intake.refuse = Reopen("not written") if self.rng.random() < 0.1 else None
        handling = asyncio.create_task(self.lane.handle(chunk(self.topic, some, start)))
        while not handling.done():
            await self.homes_move()
            await asyncio.sleep(0.0005)
        await self._outcome(handling)

    async def look(self) -> None:
        if self.lane.holding:
            self.intake.refuse = Reopen("not written") if self.rng.random() < 0.1 else None
            looking = asyncio.create_task(self.lane.look_again())
            await asyncio.wait({looking})
            await self._outcome(looking)

    async def _outcome(self, task: "asyncio.Task[None]") -> None:
        error = task.exception()
        if error is not None:
            assert isinstance(error, Reopen), repr(error)
            self.begin()

    def commit(self) -> None:
        moved = self.lane.progress()
        if moved is not None:
            self.lane.note_commit(moved[0])
            self.committed = moved[0]
            ended = {*map(int, self.intake.put), *(offset for offset, _ in self.intake.buried)}
            assert set(range(self.committed)) <= ended, "what is committed was acknowledged"

    async def play(self) -> None:
        for _ in range(200):
            deed = self.rng.choice((self.read_on, self.read_on, self.look, self.homes_move, self.commit, self.crash))
            found = deed()
            if found is not None:
                await found
        while self.committed < RECORDS:
            await self.homes_move()
            await self.read_on()
            await self.look()
            self.commit()

    def crash(self) -> None:
        if self.rng.random() < 0.2:
            self.begin()


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_module, "HELD_RECORDS", 4)
    monkeypatch.setattr(held_module, "FULL_SECONDS", 0)


@pytest.mark.parametrize("seed", range(STORIES))
def test_usage_counts_or_is_of_a_workspace_that_nobody_named(seed: int) -> None:
    story = Story(UsageLane, seed)
    asyncio.run(story.play())
    of = [next(name for name in (*TOLD, NEVER_TOLD) if f'"{name}"'.encode() in value) for value in story.values]
    assert {of[offset] for offset, _ in story.intake.buried} <= {NEVER_TOLD}
    assert {of[int(at)] for at in story.intake.put} <= set(TOLD)


@pytest.mark.parametrize("seed", range(STORIES))
def test_orders_of_an_account_are_written_first_in_the_order_of_the_log(seed: int) -> None:
    story = Story(OrdersLane, seed)
    asyncio.run(story.play())
    assert not story.intake.buried
    for account in ACCOUNTS:
        whose = [at for at, value in enumerate(story.values) if f'"account": "{account}"'.encode() in value]
        first = [int(at) for at in dict.fromkeys(story.intake.put) if int(at) in whose]
        assert first == whose
    for order_id, named in story.written:
        listed = {name for name in TOLD if f'"{name}"'.encode() in story.values[int(order_id)]}
        assert named == {name: name in story.commercial for name in listed}, f"order {order_id}"
