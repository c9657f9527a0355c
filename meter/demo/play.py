"""The demo played: the day's records are sent as the day goes by, what the meter publishes is shown as it comes.

One loop does everything in turn (send, read, draw), so that what is shown is what was read and nothing runs on
when it ends. A happening is played alone: everything before it is handled first, and its effect is printed after.
"""

import json
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.live import Live
from rich.padding import Padding
from rich.text import Text

from meter.demo import screen
from meter.demo.board import Board, CellName, Figure, differences, expected
from meter.demo.clock import DAY_MINUTES, shown
from meter.demo.day import Step
from meter.demo.records import Sent
from meter.demo.stage import Worker
from meter.errors import UserError
from meter.kafka.output_reader import open_outputs
from meter.kafka.topics import Topics
from meter.settings import Settings
from schemas.money import money_text
from schemas.outcomes import OrderOutcome
from schemas.plurals import counted

#: Pictures a second: more than an eye needs costs the worker its share of a small machine.
POLL_SECONDS = 0.1
#: Everything sent is folded within a tenth of a second; busy machines get far more.
SETTLE_SECONDS = 20.0
#: At most this many effects of a happening are printed.
EFFECTS = 3
#: Without a terminal, how far the day is, this often (minutes of the day).
PLAIN_MINUTES = 180
#: What came of a happening stands below its sentence.
INDENT = (0, 0, 0, 7)


@dataclass
class Play:
    """One performance: where it sends, what it reads, whom it shows it to."""

    settings: Settings
    worker: Worker
    console: Console
    board: Board
    sent: int = 0
    minute: int = 0

    async def run(self, steps: list[Step], seconds: float) -> list[str]:
        """Play the day in about `seconds`; the differences between what came of it and what must."""
        self.marks = screen.Marks()
        self.live: Live | None = None
        async with AsyncExitStack() as stack:
            self.reader = await stack.enter_async_context(open_outputs(self.settings, *self.board.reads))
            self.producer = AIOKafkaProducer(acks="all", enable_idempotence=True, **self.settings.kafka_client_kwargs())
            await self.producer.start()
            stack.push_async_callback(self.producer.stop)
            if self.console.is_terminal:
                self.live = stack.enter_context(Live(console=self.console, auto_refresh=False, transient=True))
            begun = time.monotonic()
            for step in steps:
                await self.play(step)
                await self.show_until(begun + seconds * step.minute / DAY_MINUTES)
            await self.settle()
            return await self.found()

    async def play(self, step: Step) -> None:
        """Send a step; if something happens in it, tell what, and what came of it."""
        self.minute = step.minute
        if not step.tells:
            await self.send(step)
            if not self.live and step.minute % PLAIN_MINUTES == 0:
                self.say(
                    step.minute,
                    f"{counted(self.sent, 'record')} sent, charges {money_text(self.board.charge())} CNY",
                    "",
                )
            return
        await self.settle()
        before = Seen(dict(self.board.figures), set(self.board.outcomes), dict(self.board.dead))
        self.say(step.minute, step.tells, "bold")
        await self.send(step)
        await self.settle()
        for line in before.news(self.board, step.account):
            self.tell(line)

    def tell(self, line: str) -> None:
        """A line about what came of a happening; where nobody looks on, it is not broken."""
        if self.live:
            self.console.print(Padding(Text(line), INDENT))
        else:
            self.console.print(" " * INDENT[-1] + line, soft_wrap=True, markup=False)

    def say(self, minute: int, sentence: str, style: str) -> None:
        """A line that stays."""
        self.console.print(Text.assemble((shown(minute), "cyan"), "  ", (sentence, style)))

    async def send(self, step: Step) -> None:
        """Send a step's records and wait for their acknowledgements: topic after topic, as they stand in the step."""
        topics = Topics.of(self.settings.topic_prefix)
        try:
            for topic, records in groupby(step.records, key=lambda record: record.topic):
                those = list(records)
                answers = [
                    await self.producer.send(topics.prefix + topic, each.value, key=each.key.encode()) for each in those
                ]
                for answer in answers:
                    await answer
                self.sent += len(those)
                self.note_tiers(those)
        except KafkaError as error:
            raise UserError(
                f"Kafka did not take a record: {type(error).__name__}: {error}; look at the broker"
            ) from error

    def note_tiers(self, records: list[Sent]) -> None:
        """Remember who is free: no output topic tells it while the day runs."""
        for record in records:
            if record.topic == "workspaces":
                content = json.loads(record.value)
                (self.board.free.add if content["tier"] == "free" else self.board.free.discard)(content["workspace"])

    async def show_until(self, deadline: float) -> None:
        """Read and draw until a moment, once at least."""
        while True:
            left = deadline - time.monotonic()
            self.take(await self.reader.within(min(max(left, 0.0), POLL_SECONDS)))
            self.worker.must_live()
            self.draw()
            if left <= 0:
                return

    async def settle(self) -> None:
        """Read and draw until everything sent has been taken in, and all that followed from it is read.

        A worker that had to take a partition anew counts otherwise: after `SETTLE_SECONDS` the day goes on.
        """
        deadline = time.monotonic() + SETTLE_SECONDS
        while sum(self.worker.taken_in().values()) < self.sent and time.monotonic() < deadline:
            await self.show_until(time.monotonic() + POLL_SECONDS)
        async for record in self.reader.to_the_end(settled=True):
            self.board.take(record.topic, record.value)
        self.draw()

    def take(self, records: Any) -> None:
        """Take what was read to the board."""
        for record in records:
            self.board.take(record.topic, record.value)

    def draw(self) -> None:
        """Draw the picture, where there is a terminal."""
        if self.live is not None:
            now = time.monotonic()
            self.marks.look(self.board, now)
            picture = screen.picture(self.board, self.marks, now, self.minute, self.console.size)
            self.live.update(picture, refresh=True)

    async def found(self) -> list[str]:
        """Where the end is not as expected; what is still on its way is waited for."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while (wrong := differences(self.board, expected())) and time.monotonic() < deadline:
            await self.show_until(time.monotonic() + 1.0)
        return wrong


@dataclass
class Seen:
    """The board before a happening."""

    figures: dict[CellName, Figure]
    orders: set[str]
    dead: dict[str, str]

    def news(self, board: Board, account: str) -> list[str]:
        """What came of it: orders, dead letters, figures."""
        outcomes = [outcome for order_id, outcome in board.outcomes.items() if order_id not in self.orders]
        collected = [decision(outcome) for outcome in outcomes]
        if len(collected) > EFFECTS:
            refused = sum(outcome.reason is not None for outcome in outcomes)
            collected = [f"{counted(len(outcomes) - refused, 'order')} accepted, {refused} refused"]
        reasons = [reason for place, reason in board.dead.items() if place not in self.dead]
        if reasons:
            collected.append(f"dead letters: {', '.join(sorted(reasons))}")
        changes = screen.effects(self.figures, board.figures, account) if account else []
        if len(changes) > EFFECTS:
            changes[EFFECTS:] = [f"and {len(changes) - EFFECTS} more"]
        return collected + changes


def decision(outcome: OrderOutcome) -> str:
    """What became of an order, in a sentence."""
    if outcome.reason:
        return f"refused: {outcome.error}"
    return f"accepted, {money_text(outcome.price)} {outcome.currency}" if outcome.price else "accepted"
