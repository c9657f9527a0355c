"""The contenders: what each needs, how it is started, and when it has done all of the job.

All but the meter get where to read and write by RACE_… variables, print `FIRST <seconds since 1970>` at the first
record they read, and are done when their groups have committed the last data record of every stage.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.race import streams
from benchmarks.race.cluster import Cluster, Made, Place
from benchmarks.race.programs import Program, Running
from benchmarks.race.source import PARTITIONS, Source

ROOT = Path(__file__).resolve().parents[2]
COMPACT = {"cleanup.policy": "compact"}


@dataclass(frozen=True)
class Entry:
    """One contender in one run: a name of its own begins every topic and group of it."""

    name: str
    directory: Path
    cluster: Cluster
    source: Source
    programs: list[Running] = field(default_factory=list)

    @property
    def output(self) -> str:
        return f"{self.name}-overages"

    def program(self, number: int, *command: str) -> None:
        """Start a program of this entry."""
        load = self.source.load
        env = {
            "PYTHONPATH": str(ROOT),
            "RACE_BROKER": self.cluster.broker,
            "RACE_RUN": self.name,
            "RACE_INPUT": self.source.topic,
            "RACE_OUTPUT": self.output,
            "RACE_QUOTA": str(load.quota),
            "RACE_WORKSPACES": str(load.workspaces),
            "RACE_ACCOUNTS": str(load.accounts),
            "RACE_DIRECTORY": str(self.directory),
        }
        self.programs.append(Program(command, env, self.directory / f"{number}.log", self.directory))

    def printed(self, word: str) -> list[float]:
        """The numbers that followed a word at the beginning of a line, in all logs."""
        texts = [program.log.read_text(errors="replace") for program in self.programs]
        return [float(found) for text in texts for found in re.findall(rf"^{word} ([\d.]+)", text, re.MULTILINE)]


class Contender:
    """One stream processor; subclasses say what is theirs."""

    title = ""
    #: It does not do more events than this in bearable time.
    most_events: int | None = None
    #: Progress must rest so long before the end is looked for.
    rest_seconds = 1.0
    #: Whether it writes overages at all.
    judged = True

    def setup(self) -> None:
        """What is done once, before all runs."""

    def prepare(self, entry: Entry) -> float:
        """Make topics, and all else that is not measured; CPU seconds of what the programs learn before the input."""
        entry.cluster.create([Made(entry.output, PARTITIONS, {}), *self.topics(entry)])
        return 0.0

    def topics(self, entry: Entry) -> Sequence[Made]:
        return ()

    def start(self, entry: Entry) -> None:
        raise NotImplementedError

    def first(self, entry: Entry) -> float | None:
        """When the first record was read (seconds since 1970)."""
        return min(entry.printed("FIRST"), default=None)

    def stages(self, entry: Entry) -> Mapping[str, Sequence[str]]:
        """Groups, and the topics that each must have read to the end."""
        return {}

    def progress(self, entry: Entry) -> dict[Place, int]:
        """How far it is: offsets committed."""
        done: dict[Place, int] = {}
        for group, topics in self.stages(entry).items():
            done |= entry.cluster.committed(group, topics)
        return done

    def goal(self, entry: Entry) -> dict[Place, int]:
        """How far it must come, by what its stages have written until now."""
        topics = [topic for topics in self.stages(entry).values() for topic in topics]
        ends: dict[Place, int] = {}
        for topic in topics:
            ends |= entry.cluster.data_ends(topic)
        return {place: end for place, end in ends.items() if end}

    def all_handled(self, entry: Entry) -> bool:
        """In the end: whether its own counts say that every event was handled."""
        return True

    def overages(self, entry: Entry) -> dict[str, int]:
        """The overages that it published, by account/workspace/item."""
        return entry.cluster.last_overages(entry.output)


class KafkaStreams(Contender):
    """The DSL and one processor, exactly-once, two threads in one JVM."""

    title = "Kafka Streams, exactly_once_v2"

    def __init__(self) -> None:
        self._java: list[str] = []

    def setup(self) -> None:
        self._java = streams.command()

    def start(self, entry: Entry) -> None:
        entry.program(0, *self._java)

    def stages(self, entry: Entry) -> Mapping[str, Sequence[str]]:
        return {entry.name: (entry.source.topic, f"{entry.name}-by-account-repartition")}


class Hand(Contender):
    """The same job by hand: confluent-kafka, msgspec, rocksdict; packed records, transactions, two processes."""

    title = "Python by hand, packed, transactions"

    def topics(self, entry: Entry) -> Sequence[Made]:
        big = {"max.message.bytes": str(4 << 20)}
        return [Made(f"{entry.name}-{word}", PARTITIONS, big) for word in ("by-account", "changelog")]

    def start(self, entry: Entry) -> None:
        for number, role in enumerate(("route", "fold")):
            entry.program(number, sys.executable, "-m", "benchmarks.race.hand", role)

    def stages(self, entry: Entry) -> Mapping[str, Sequence[str]]:
        return {
            f"{entry.name}-route": (entry.source.topic,),
            f"{entry.name}-fold": (f"{entry.name}-by-account",),
        }


class Floor(Contender):
    """Reading and decoding alone, in one process: nothing is written, nothing remembered."""

    title = "read and decode only (the floor)"
    judged = False

    def start(self, entry: Entry) -> None:
        entry.program(0, sys.executable, "-m", "benchmarks.race.floor")

    def progress(self, entry: Entry) -> dict[Place, int]:
        return {("read", 0): int(max(entry.printed("READ"), default=0))}

    def goal(self, entry: Entry) -> dict[Place, int]:
        return {("read", 0): entry.source.load.events}

    def overages(self, entry: Entry) -> dict[str, int]:
        return {}


class StockFaust(Contender):
    """Faust as its guide has it, an event at a time; two workers, uvloop, a large producer buffer."""

    title = "stock Faust, at least once"
    most_events = 100_000
    #: It commits what it has sent and not what has arrived: the end is where nothing moves any more.
    rest_seconds = 8.0
    WORKERS = 2

    def topics(self, entry: Entry) -> Sequence[Made]:
        return [
            Made(f"{entry.name}-by-account", PARTITIONS, {}),
            Made(f"{entry.name}-seen-changelog", PARTITIONS, COMPACT),
            Made(f"{entry.name}-use-changelog", PARTITIONS, COMPACT),
            Made(f"{entry.name}-__assignor-__leader", 1, {}),
        ]

    def start(self, entry: Entry) -> None:
        for number in range(self.WORKERS):
            entry.program(number, sys.executable, "-m", "benchmarks.race.faust_app", str(number))

    def stages(self, entry: Entry) -> Mapping[str, Sequence[str]]:
        return {entry.name: (entry.source.topic, f"{entry.name}-by-account")}
