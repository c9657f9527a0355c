"""Microseconds an event of workspace topics, without Kafka: `python -m benchmarks.topic_steps [--each N] [--apart]`.

Like `benchmarks.steps`, for topics that bring a few events each in a round: the session reader, lanes, packing, the
journal's records, the fold over a real store. CPU time of the one thread, so a busy machine matters little. `--apart`
packs and counts every chunk by itself, as it is done with larger ones. The overages in the end are judged.
"""

import argparse
import asyncio
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from faust.types import TP

from agents.intake.catalog_follower import KnownCatalog
from agents.intake.journal_entries import Builder, pack
from agents.intake.usage_reader import UsageReader
from agents.intake.workspace_map import WorkspaceEntry
from agents.workspace_topics.lanes import WorkspaceTopicLane
from agents.workspace_topics.together import Together
from benchmarks.load import Load
from benchmarks.steps import HORIZON_DAYS, Bench, _builder
from meter.batch.chunks import Chunk
from meter.batch.lanes import Runner
from meter.batch.sessions import reader as sessions
from meter.batch.sessions.reader import SessionReader
from meter.batch.sessions.requests import Fetch, FetchAnswer, Part
from meter.cli.worker import tune_collector
from meter.kafka.topics import Topics
from meter.rules.fold import small_groups

#: A topic's id is its number, in so many hexadecimal digits.
ID_DIGITS = 32


class Broker:
    """Answers each fetch with the next round, when told to."""

    def __init__(self) -> None:
        self.rounds: asyncio.Queue[list[Part]] = asyncio.Queue()

    async def send(self, node: int, request: Fetch, *, group: int) -> FetchAnswer:
        answer = FetchAnswer()
        answer.error_code, answer.session, answer.parts = 0, 1, await self.rounds.get()
        return answer


class Writer:
    """Acknowledges what it is given in the next turn, and keeps it."""

    def __init__(self) -> None:
        self.built: list[Builder] = []

    def add(self, builder: Builder, written: "asyncio.Future[None] | None" = None) -> "asyncio.Future[None]":
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future() if written is None else written
        loop.call_soon(_acknowledge, done)
        self.built.append(builder)
        return done


def _acknowledge(written: "asyncio.Future[None]") -> None:
    if not written.done():
        written.set_result(None)


class TopicBench(Bench):
    """One journal partition's load, each workspace through a topic of its own."""

    def rounds(self, each: int) -> Iterator[list[Part]]:
        """Answers that bring `each` events of every topic."""
        lines: dict[str, list[bytes]] = defaultdict(list)
        for line in self.load.lines(self.now):
            lines[line.split(b'"subject":"', 1)[1].split(b'"', 1)[0].decode()].append(line)
        first = 0
        while any(first < len(of_topic) for of_topic in lines.values()):
            parts = [self._part(name, lines[name][first : first + each], first) for name in lines]
            yield [part for part in parts if part.content]
            first += each

    def _part(self, workspace: str, lines: Sequence[bytes], first: int) -> Part:
        builder, end = _builder(), first + len(lines)
        for number, line in enumerate(lines):
            builder.append(number, self.now_ms, None, line, [])
        content = bytearray(builder.build() if lines else b"")
        content[:8] = first.to_bytes(8, "big") if lines else b""
        return Part((bytes.fromhex(_id(workspace)), 0), 0, end, end, (), memoryview(bytes(content)))

    async def intake(self, rounds: Sequence[list[Part]], apart: bool) -> tuple[list[bytes], float]:
        """The journal records of all rounds, and the CPU seconds until they were handed to the writer."""
        broker, writer = Broker(), Writer()
        intake: Any = self._intake(writer)
        runners: dict[TP, Runner] = {}
        client: Any = broker
        together = Together(intake)

        def offer(chunk: Chunk) -> None:
            if apart:
                runners[chunk.tp].offer(chunk)
            else:
                together.offer(runners[chunk.tp], chunk)

        reader = SessionReader(client, lambda tp: _id(tp.topic), offer, bool)
        tps = {name: TP(f"usage.{name}", 0) for name in self.named}
        reader.follow(tps.values())
        reader.place(dict.fromkeys(tps.values(), 1))
        app = SimpleNamespace(consumer=reader)
        for name, tp in tps.items():
            lane = _Lane(app, tp, name, intake, None)  # type: ignore[arg-type]
            lane.together = None if apart else together
            runners[tp] = Runner(lane)
        records, seconds = [], 0.0
        for parts in rounds:
            begun = time.thread_time()
            broker.rounds.put_nowait(parts)
            ends = {part.place[0].hex(): part.highwater for part in parts}
            waits = [(runners[tps[name]].lane, ends.get(_id(name), 0)) for name in tps]
            while any(lane.position < end for lane, end in waits):
                await asyncio.sleep(0)
            seconds += time.thread_time() - begun
            records += pack(writer.built)
            writer.built.clear()
        await reader.close()
        await asyncio.gather(*(runner.leave() for runner in runners.values()))
        return records, seconds

    def _intake(self, writer: Writer) -> Any:
        directory = {workspace: WorkspaceEntry(named, 0, 0) for workspace, named in self.named.items()}
        nothing = SimpleNamespace(count=lambda *_: None, dead=lambda *_: None)
        return SimpleNamespace(
            reader=UsageReader(self.catalog, self.zone, HORIZON_DAYS),
            catalog=KnownCatalog(),
            directory=SimpleNamespace(
                known=directory.get,
                known_all=lambda names: list(map(directory.get, names)),
                partition_of=lambda account: 0,
                read_to=0,
            ),
            topics=Topics.of(""),
            topic_ids={},
            metrics=nothing,
            writers=[writer],
        )

    def folded(self, records: Sequence[bytes]) -> float:
        """CPU seconds of the meter's steps, a transaction for each record."""
        self.fold_all(records, 1)
        return sum(self.clock.seconds.values())


class _Lane(WorkspaceTopicLane):
    async def open(self) -> int:
        return 0


def _id(topic: str) -> str:
    return f"{int(topic.rpartition('_')[2]):0{ID_DIGITS}x}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--topics", type=int, default=500, help="of one journal partition")
    parser.add_argument("--each", type=int, default=5, help="events that a topic brings in a round")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--apart", action="store_true", help="every chunk and every group by itself")
    given = parser.parse_args()
    tune_collector()  # as in a worker
    sessions.LONGEST_PAUSE = sessions.LEAST_PAUSE = 0.0
    if given.apart:
        small_groups.SMALL = 0
    load = Load(given.topics * given.each * given.rounds, given.topics, max(1, given.topics // 4), 0.0)
    with tempfile.TemporaryDirectory() as directory:
        bench = TopicBench(load, Path(directory))
        bench.open()
        records, intake = asyncio.run(bench.intake(list(bench.rounds(given.each)), given.apart))
        fold, wrong = bench.folded(records), bench.wrong()
    print(
        f"{load.events:,} events, {given.each} of each of {given.topics:,} topics a round: "
        f"intake {intake / load.events * 1e6:.1f} µs an event, fold and store {fold / load.events * 1e6:.1f}; "
        f"{wrong} overages wrong"
    )
    if wrong:
        raise SystemExit("figures are wrong")


if __name__ == "__main__":
    main()
