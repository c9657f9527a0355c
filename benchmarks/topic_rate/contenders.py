"""Who reads the load: the meter, Kafka Streams, or nobody, through workspace topics or the shared one."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.committed import last_overages
from benchmarks.load import Load, announce
from benchmarks.race import streams
from benchmarks.race.cluster import Cluster, Made
from benchmarks.race.programs import Program, Running, stop
from benchmarks.workers import Worker, make_topics, meter_settings

#: Their web ports, counted from `benchmarks.workers.FIRST_PORT`: apart from those of other measurements.
FIRST_NUMBER = 340
PARTITIONS = 4
APPEND_TIME = {"message.timestamp.type": "LogAppendTime"}
#: A small index: thousands of topics are made, each with files of its own.
OWN = {**APPEND_TIME, "segment.bytes": "1048576"}
READY_SECONDS = 300.0
#: Topics that are made at once: the controller answers when it has noted them, the broker makes their files later.
MADE_AT_ONCE = 100


class Contender:
    """One reader of the load; subclasses say what is theirs. This one reads nothing: what producing costs."""

    title = "nobody"

    def __init__(self, own: bool) -> None:
        self.own = own
        self.programs: list[Running] = []

    def setup(self, load: Load, cluster: Cluster, prefix: str, directory: Path) -> None:
        """Make the topics, and whatever else is not measured."""
        if not self.own:
            cluster.create([Made(f"{prefix}usage", PARTITIONS, APPEND_TIME)])

    def start(self, load: Load, cluster: Cluster, prefix: str, directory: Path) -> None:
        """Start, and wait until the load is being read."""

    def handled(self) -> float | None:
        """Events handled so far, if that is known at every moment."""
        return None

    def done(self, load: Load, cluster: Cluster, prefix: str) -> bool:
        """Whether all of the load is handled."""
        return True

    def overages(self, cluster: Cluster, prefix: str) -> dict[str, int] | None:
        """The last overage of each key; None if there are none to judge."""
        return None

    def stop(self) -> None:
        stop(self.programs)
        self.programs = []


class Meter(Contender):
    """`meter worker` processes, one for each role."""

    title = "meter"

    def __init__(self, own: bool, roles: Sequence[str]) -> None:
        super().__init__(own)
        self.roles = roles

    def setup(self, load: Load, cluster: Cluster, prefix: str, directory: Path) -> None:
        self.settings = meter_settings(load.catalog(), cluster.broker, prefix, directory)
        self.settings["METER_OWN_TOPICS_MAX"] = "100000"
        make_topics(FIRST_NUMBER + 9, self.settings, directory)
        announce(load, cluster.broker, prefix)

    def start(self, load: Load, cluster: Cluster, prefix: str, directory: Path) -> None:
        workers = [Worker(FIRST_NUMBER + n, role, self.settings, directory) for n, role in enumerate(self.roles)]
        self.programs = [*workers]
        self._workers = workers
        for worker in workers:
            worker.wait_ready(READY_SECONDS)

    def handled(self) -> float | None:
        return sum(worker.handled() for worker in self._workers)

    def done(self, load: Load, cluster: Cluster, prefix: str) -> bool:
        return (self.handled() or 0) >= load.events

    def overages(self, cluster: Cluster, prefix: str) -> dict[str, int] | None:
        return last_overages(cluster.broker, prefix)[0]


class KafkaStreams(Contender):
    """The race's Kafka Streams program; of workspace topics it reads those whose names fit a pattern."""

    title = "Kafka Streams"

    def setup(self, load: Load, cluster: Cluster, prefix: str, directory: Path) -> None:
        super().setup(load, cluster, prefix, directory)
        self._java = streams.command()
        cluster.create([Made(self._output(prefix), PARTITIONS, {})])

    def _output(self, prefix: str) -> str:
        return f"{prefix}streams-overages"

    def start(self, load: Load, cluster: Cluster, prefix: str, directory: Path) -> None:
        env = {
            "RACE_BROKER": cluster.broker,
            "RACE_RUN": f"{prefix}streams",
            "RACE_INPUT": f"{prefix}usage",
            "RACE_OUTPUT": self._output(prefix),
            "RACE_QUOTA": str(load.quota),
            "RACE_WORKSPACES": str(load.workspaces),
            "RACE_ACCOUNTS": str(load.accounts),
            "RACE_DIRECTORY": str(directory),
        }
        if self.own:
            env["RACE_PATTERN"] = f"{re.escape(prefix)}usage\\..*"
        program = Program(self._java, env, directory / "streams.log", directory)
        self.programs = [program]
        self._group = f"{prefix}streams"

    def done(self, load: Load, cluster: Cluster, prefix: str) -> bool:
        inputs = [f"{prefix}usage.wksp_{n}" for n in range(load.workspaces)] if self.own else [f"{prefix}usage"]
        if sum(cluster.committed(self._group, inputs).values()) < load.events:
            return False
        between = f"{self._group}-by-account-repartition"
        ends = cluster.data_ends(between)
        done = cluster.committed(self._group, [between])
        return all(done.get(place, -1) >= end for place, end in ends.items() if end)

    def overages(self, cluster: Cluster, prefix: str) -> dict[str, int] | None:
        return cluster.last_overages(self._output(prefix))


def contender(name: str, roles: Sequence[str]) -> Contender:
    """By its name, as the command line has it."""
    who, _, where = name.partition("-")
    own = where == "own"
    if where not in ("own", "shared") or who not in ("meter", "streams", "nobody"):
        sys.exit(f"no such contender: {name}; there are meter, streams and nobody, each -own and -shared")
    return Meter(own, roles) if who == "meter" else KafkaStreams(own) if who == "streams" else Contender(own)


def make_own_topics(cluster: Cluster, names: Sequence[str]) -> None:
    """Make workspace topics, MADE_AT_ONCE at a time, each once those before it can be written to."""
    for first in range(0, len(names), MADE_AT_ONCE):
        some = names[first : first + MADE_AT_ONCE]
        cluster.create([Made(name, 1, OWN) for name in some])
        cluster.wait_for_leader(some[-1])
