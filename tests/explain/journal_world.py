"""A journal folded record by record, and what was published by each: what explanations are held against."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from meter.commands.account_state import plan_row
from meter.explain.cell import Cell
from meter.explain.count import CellCount, Counted, cell_of
from meter.explain.dead import DeadPlaces, LetterRow, OwnLetters, read_letter
from meter.explain.explain import Day, Sources, explanation
from meter.explain.history import Published
from meter.explain.model import Explanation
from meter.explain.sources import sources_of
from meter.rules.billing_days import parse_day
from meter.rules.fold.fold import Fold
from schemas import journal
from schemas.journal import Gathered
from schemas.overages import Overage
from schemas.plans import Plan as PlanRecord
from schemas.rows import Plan
from tables.partition_state import PartitionState
from tests.simulation.days import DayEnds, day_ends_simulated
from tests.simulation.disk import Disk, MemoryStore
from tests.simulation.kafka import Log
from tests.simulation.owner import JOURNAL
from tests.simulation.world import world

#: More than one file of tests asks for; making one takes longer than explaining its figures.
HISTORIES_KEPT = 256


class PublishedFigure(NamedTuple):
    """One record of `overages`, as the fold published it."""

    offset: int
    key: str
    value: dict[str, Any]


@dataclass
class World:
    """One journal partition, folded to its end."""

    log: Log
    facts: Any = None
    #: By topic, (journal offset, key, value).
    outputs: dict[str, list[PublishedFigure]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, log: Log) -> "World":
        """Fold a log."""
        world = cls(log)
        state = PartitionState(MemoryStore(Disk()))
        fold = Fold(state, None)
        for record in log.records:
            fold.fold(record.offset, record.timestamp, journal.decode(record.value or b""))
            for topic, key, value in fold.finish():
                world.outputs[topic].append(PublishedFigure(record.offset, key, json.loads(value)))
        world.facts = fold.known()
        return world

    def counted(self, account: str, own: str, item: str, day: int, through: int) -> Counted:
        """The cell counted from the journal up to an offset, inclusive."""
        dead = DeadPlaces()
        for letter in self.letters(through):
            dead.take(letter)
        count = CellCount(account, self.facts.priced(item, day), day, own, dead)
        for record in self.log.records[: through + 1]:
            found = journal.decode(record.value or b"")
            if isinstance(found, Gathered):
                count.take(found)
        return count.counted()

    def letters(self, through: int) -> list[LetterRow]:
        """The fold's dead letters up to an offset."""
        return [letter_of(each.value) for each in self.outputs["dead-letters"] if each.offset <= through]

    def plans(self, account: str, through: int) -> tuple[Plan, ...]:
        """The account's plans as published up to an offset."""
        latest = {
            item.key: item.value
            for item in self.outputs["plans"]
            if item.offset <= through and item.value["account"] == account
        }
        return tuple(plan_row(PlanRecord.model_validate_json(json.dumps(each))) for each in latest.values())

    def cell(self, account: str, own: str, item: str, day: int, through: int) -> tuple[Cell, Counted]:
        """The cell after the journal record at an offset."""
        counted = self.counted(account, own, item, day, through)
        priced = self.facts.priced(item, day)
        traffic = self.facts.catalog.version(day).traffic.get(item)
        currency = self.facts.opening.currency
        return cell_of(counted, account, own, day, priced, self.plans(account, through), currency, traffic), counted

    def explained(
        self, account: str, own: str, item: str, day_name: str, through: int, letters: Iterable[LetterRow] = ()
    ) -> Explanation:
        """What `meter explain` answers as of an offset; `letters`: of the whole meter, instead of the fold's."""
        day = parse_day(day_name)
        cell, counted = self.cell(account, own, item, day, through)
        key = f"{account}/{own}/{item}/{day_name}"
        published = [
            Published(Overage.model_validate_json(json.dumps(each.value)), self.log.records[each.offset].timestamp)
            for each in self.outputs["overages"]
            if each.key == key and each.offset <= through
        ]
        own_letters = OwnLetters(own, item, day, self.facts.zone)
        for letter in letters or self.letters(through):
            own_letters.take(letter)
        assert counted.own is not None
        sources, dead = sources_of(counted.own, own_letters.letters)
        when = Day(day, self.facts.zone, "open", day + self.facts.opening.restatement_horizon_days)
        return explanation(cell, when, published, Sources(sources, None, dead))

    def published(self) -> Iterator[PublishedFigure]:
        """Every revision of `overages`."""
        yield from self.outputs["overages"]


def letter_of(value: Any) -> LetterRow:
    """A dead letter out of its JSON."""
    return read_letter(json.dumps(value).encode())


class History(NamedTuple):
    """A seed of the simulation run to its end: the simulator, and its journal partitions folded."""

    seed: int
    simulator: DayEnds
    worlds: list[World]

    def letters(self) -> list[LetterRow]:
        """Every committed dead letter, the intake's too."""
        logs = self.simulator.cluster.logs
        return [
            read_letter(record.value or b"")
            for (topic, _), log in logs.items()
            if topic == "dead-letters"
            for record in log.committed()
        ]


def histories(seeds: Iterable[int]) -> Iterator[History]:
    """Random histories: crashes, repeats, conflicts, orders, days that close and expire; each made once a process."""
    return map(history, seeds)


@lru_cache(HISTORIES_KEPT)
def history(seed: int) -> History:
    """The history of a seed; nobody changes it."""
    with day_ends_simulated():
        simulator = DayEnds(seed, world(seed))
        simulator.run()
        logs = [simulator.cluster.log(JOURNAL, partition) for partition in range(simulator.partitions)]
        return History(seed, simulator, [World.of(log) for log in logs])
