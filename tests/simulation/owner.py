"""Meter workers: the real `JournalLane`, its real restore, transactions and state, over the simulated Kafka and disks.

What is replaced is named in `simulated`, once for a whole process of seeds: clients, the local store, and what needs a
running event loop or reads the same catalog again and again; and sizes, so that small worlds fill them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from math import inf
from random import Random
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

from aiokafka import TopicPartition
from faust.types import TP

from agents.meter.journal_lane import JournalLane
from agents.meter.meter import Meter
from meter.batch.chunks import Chunk
from meter.batch.store import Room
from meter.kafka.topics import Topics
from meter.rules.state.journal_facts import JournalFacts
from schemas.catalog import catalog_from_json
from tests.simulation.disk import Disk, MemoryStore
from tests.simulation.kafka import Cluster, Consumer, Producer
from tests.simulation.steps import Fate, Run, State

JOURNAL = "meter.journal"
#: Sizes that only large loads reach, turned so low that small worlds reach them too; by name, one of these values.
KNOBS = {
    "agents.meter.journal_lane.CHUNK_RECORDS": (1, 2, 3, 1_000),
    "agents.meter.journal_lane.CHUNK_OUTPUT_BYTES": (1_000, 4 << 20),
    "agents.intake.journal_entries.RECORD_LIMIT_BYTES": (700, 1024 * 1024),
    "agents.intake.journal_entries.LEAST_CUT": (1, 64),
    "agents.intake.journal_writer.GROUP_BYTES": (300, 1024 * 1024),
    "agents.intake.usage_lane.TURN_RECORDS": (1, 2, 2_000),
    "meter.batch.turns.TURN_SECONDS": (0.0, inf, inf, inf),
    "meter.rules.fold.recalculate.STEP_WORKSPACES": (1, 256),
    "meter.rules.state.figures.STEP_WORKSPACES": (1, 256),
    "agents.intake.validation_cache.WORKSPACES_KEPT": (2, 400_000),
    "tables.identities.index.FINGERPRINT_BITS": (3, 40),
    "tables.identities.index.YOUNG": (1, 4_096),
    "tables.identities.packed_rows.PACKED_IDENTITIES": (1, 4_000),
    "tables.identities.packed_rows.ROWS_KEPT_BYTES": (500, 8 << 20),
    "tables.identities.known.INDEX_BYTES": (200, 16 << 20),
    "tables.identities.known.SPILL_IDENTITIES": (1, 65_536),
    "tables.identities.known.SEARCHED_AT_ONCE": (1, 2_000),
    "tables.cells.USES_KEPT": (2, 100_000),
    "tables.cells.WEIGH_EVERY": (1, 32),
    "meter.rules.state.rows.ROW_WORKSPACES": (1, 2, 32),
    "tables.partition_state.FACTS_EVERY": (2, 16),
    "tables.partition_state.ROWS_KEPT": (1, 100_000),
}


def turn_knobs(rng: Random) -> None:
    """Set every size to one of its values, inside `simulated`, which puts them back."""
    for name, values in KNOBS.items():
        value = rng.choice(values)
        module, attribute = knob(name)
        if hasattr(module, attribute):
            setattr(module, attribute, value)


def knob(name: str) -> tuple[ModuleType | None, str]:
    """Where a size stands; a test says which of them do no more."""
    module, _, attribute = name.rpartition(".")
    return (import_module(module) if find_spec(module) else None), attribute


class Anything:
    """Metrics that nobody reads."""

    def __getattr__(self, name: str) -> Any:
        return self

    def __call__(self, *_: Any) -> None: ...


async def _let_go(producer: Producer) -> None:
    """Of aiokafka's own tasks there are none here."""


async def _within(_: float, work: Any) -> Any:
    return await work


async def _at_once(write: Callable[[], None]) -> None:
    """There is no thread, and no event loop."""
    write()


@contextmanager
def simulated() -> Iterator[None]:
    """The simulated Kafka under the real worker."""
    clients = SimpleNamespace(AIOKafkaConsumer=Consumer, TopicPartition=TopicPartition)
    with ExitStack() as stack:
        for target, fake in {
            "agents.meter.meter.aiokafka": clients,
            "agents.meter.journal_lane.open_store": lambda place, stamp, oldest, room: MemoryStore(place.disk),
            "meter.batch.restore.aiokafka": clients,
            "meter.batch.restore.in_thread": _at_once,
            "meter.batch.transactions.PackingProducer": Producer,
            "meter.batch.transactions.let_go": _let_go,
            "meter.batch.transactions.within": _within,
            "meter.rules.state.journal_facts.catalog_from_json": lru_cache(catalog_from_json),
            **{name: values[-1] for name, values in KNOBS.items() if hasattr(*knob(name))},
        }.items():
            stack.enter_context(patch(target, fake))
        yield


class _Place:
    """A data directory with one store in it."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk

    def __truediv__(self, _: str) -> "_Place":
        return self


class SimulatedMeter(Meter):
    """The real `Meter` with no more than its lanes need."""

    def __init__(self, facts: JournalFacts, disk: Disk, kwargs: dict[str, Any]) -> None:
        self.settings = SimpleNamespace(topic_prefix="", data_dir=_Place(disk))  # type: ignore[assignment]
        self.facts = facts
        self.folded_sources = defaultdict(dict)
        self.room = Room()
        self.metrics = Anything()  # type: ignore[assignment]
        self.topics = Topics.of("")
        self.kwargs = kwargs
        self.longest_restore = 0.0

    async def committed(self, tp: TP) -> int:
        """What the group committed."""
        cluster: Cluster = self.kwargs["cluster"]
        return cluster.positions.get(tp.partition, 0)


class Seat:
    """One worker's hold of one journal partition, from its assignment until it lets go."""

    def __init__(self, cluster: Cluster, facts: JournalFacts, partition: int, disk: Disk) -> None:
        self.cluster = cluster
        self.partition = partition
        self.disk = disk
        meter = SimulatedMeter(facts, disk, {"cluster": cluster, "counts_of": self._counts})
        self.lane = JournalLane(None, TP(JOURNAL, partition), meter)  # type: ignore[arg-type]
        self.run: Run | None = None
        #: Read from here on; None: to be opened (again).
        self.position: int | None = None
        self._chunk: Chunk | None = None
        self._most = 1
        self.lane.behind = self._behind

    def _behind(self, chunk: Chunk) -> Chunk | None:
        """The chunk behind this one, which every other time is not ready yet; it is handled in the same transaction."""
        records = self.cluster.log(JOURNAL, self.partition).records[chunk.position : chunk.position + self._most]
        if not records or chunk.position % 2:
            return None
        self._chunk = Chunk(self.lane.tp, records, records[-1].offset + 1, 0)
        return self._chunk

    def _counts(self, _: str) -> dict[tuple[str, str], int]:
        return dict(self.lane.counts.unsure)

    @property
    def idle(self) -> bool:
        """Open, and nothing is left to fold."""
        return self.run is None and self.position == len(self.cluster.log(JOURNAL, self.partition).records)

    def go(self, most: int, fate: Fate | None) -> State:
        """Go on: open, or handle the next chunk of at most so many records. Raises what the lane raises."""
        self._most = most
        if self.run is None:
            if self.position is None:
                self._chunk = None
                self.run = Run(self.lane.open())
            else:
                records = self.cluster.log(JOURNAL, self.partition).records[self.position : self.position + most]
                self._chunk = Chunk(self.lane.tp, records, records[-1].offset + 1, 0)
                self.run = Run(self.lane.handle(self._chunk))
        try:
            state = self.run.go(fate)
        except Exception:
            self.run, self.position = None, None
            raise
        if state is State.DONE:
            position: int = self.run.result if self._chunk is None else self._chunk.position
            self.position = self.cluster.positions[self.partition] = position
            self.run = None
        return state

    def kill(self) -> None:
        """The process is gone: nothing more runs."""
        if self.run is not None:
            self.run.drop()
            self.run = None

    def leave(self) -> None:
        """Let go in peace: the store is flushed and closed."""
        self.kill()
        Run(self.lane.close()).go()
