"""One seed's run: the world sends, workers take in and fold, and up to a handful of things go wrong.

Then everything is let run to its end without a hand, and `judge` looks at what was left behind.
"""

from dataclasses import dataclass, field
from random import Random

from faust.types import TP

from meter.batch.lanes import Reopen
from meter.rules.state.journal_facts import JournalFacts
from schemas import journal
from tests.simulation.disk import Disk
from tests.simulation.intake import IntakeWorker
from tests.simulation.kafka import ABORTED, Cluster
from tests.simulation.owner import JOURNAL, Seat, turn_knobs
from tests.simulation.steps import LOST, UNHEARD, Fate, State
from tests.simulation.world import World

#: At most so many things go wrong in one run.
FAULTS_MOST = 9
#: Workers of each role.
WORKERS = 2
#: More turns than any run needs: one that takes so many stands still.
TURNS_MOST = 5_000


class Stuck(AssertionError):
    """The run does not come to its end by itself."""


@dataclass
class Simulator:
    """The state of a run. `faults`: how many things may go wrong; None: as many as the seed says."""

    seed: int
    world: World
    faults: int | None = None
    trace: list[str] | None = None
    cluster: Cluster = field(default_factory=Cluster)

    def __post_init__(self) -> None:
        self.rng = Random(f"run {self.seed}")
        drawn = self.rng.randint(0, FAULTS_MOST)
        self.left = drawn if self.faults is None else self.faults
        turn_knobs(Random(f"knobs {self.seed}"))
        opening = self.world.opening
        self.facts = JournalFacts.opened(opening, opening.opened_ms)
        self.partitions = opening.partitions
        for partition in range(self.partitions):
            self.cluster.log(JOURNAL, partition).append(None, journal.encode(opening), opening.opened_ms)
        self.unsent = list(reversed(self.world.sent))
        self.now_ms = max(opening.opened_ms, self.world.sent[0].kafka_ms)
        self.offsets: dict[TP, int] = {}
        self.intakes = [IntakeWorker(self.cluster, self.facts) for _ in range(WORKERS)]
        #: Which of them has a source partition.
        self.readers: dict[TP, int] = {}
        self.ghosts: list[IntakeWorker] = []
        self.disks = [[Disk() for _ in range(self.partitions)] for _ in range(WORKERS)]
        self.owners = [self.rng.randrange(WORKERS) for _ in range(self.partitions)]
        self.seats: dict[tuple[int, int], Seat] = {}
        while self.unsent and self.unsent[-1].kafka_ms < opening.opened_ms:
            self._acknowledge()

    def note(self, what: str) -> None:
        if self.trace is not None:
            self.trace.append(what)

    def run(self) -> None:
        """Run to the end."""
        for _ in range(TURNS_MOST):
            if self._strikes(0.06):
                self._disturb()
            turns = [turn for turn in (self._send, self._take_in, self._fold, self._haunt) if turn(False)]
            if not turns:
                return
            self.rng.choice(turns)(True)
        raise Stuck(f"still at work after {TURNS_MOST} turns")

    # Turns: each says whether it has anything to do, and does a piece of it

    def _send(self, really: bool) -> bool:
        if not really or not self.unsent:
            return bool(self.unsent)
        for _ in range(min(len(self.unsent), self.rng.randint(1, 12))):
            self._acknowledge()
        return True

    def _acknowledge(self) -> None:
        sent = self.unsent.pop()
        log = self.cluster.log(sent.topic, sent.partition)
        assert len(log.records) == sent.offset
        log.append(None, sent.value, sent.kafka_ms, headers=sent.headers)
        self.now_ms = max(self.now_ms, sent.kafka_ms)
        tp = TP(sent.topic, sent.partition)
        if tp not in self.offsets:
            # Mostly one worker reads usage alone: what it knows of workspaces grows old.
            alone = tp.topic.startswith("usage") or self.rng.random() < 0.2
            self.offsets[tp], self.readers[tp] = 0, self.rng.randrange(WORKERS) if alone else 0

    def _take_in(self, really: bool) -> bool:
        rng = self.rng
        behind = [tp for tp, at in self.offsets.items() if at < len(self.cluster.log(*tp).records)]
        if not really or not behind:
            return bool(behind)
        readable = [tp for tp in behind if self._readable(tp)]
        writable = [
            (worker, partition) for worker in self.intakes for partition, line in enumerate(worker.lines) if line
        ]
        if readable and (not writable or rng.random() < 0.5):
            tp = rng.choice(readable)
            worker = self.intakes[self.readers[tp]]
            start = worker.position(tp, self.offsets[tp])
            end = min(len(self.cluster.log(*tp).records), start + rng.randint(1, 8))
            self.note(f"intake {self.readers[tp]} reads {tp.topic}/{tp.partition} {start}..{end - 1}")
            worker.read(tp, start, end)
        elif writable:
            worker, partition = rng.choice(writable)
            self._write(f"intake {self.intakes.index(worker)}", worker, partition, self._strikes(0.05))
        else:
            tp = rng.choice(behind)
            self.offsets[tp] = self.intakes[self.readers[tp]].position(tp, self.offsets[tp])
            self.note(f"intake {self.readers[tp]} commits {tp.topic}/{tp.partition} {self.offsets[tp]}")
        return True

    def _readable(self, tp: TP) -> bool:
        worker = self.intakes[self.readers[tp]]
        at = worker.position(tp, self.offsets[tp])
        return tp not in worker.under_way and at < len(self.cluster.log(*tp).records)

    def _write(self, name: str, worker: IntakeWorker, partition: int, unheard: bool) -> None:
        self.now_ms += 1
        at = len(self.cluster.log(JOURNAL, partition).records)
        self.note(f"{name} writes journal {partition} from {at}" + (", unheard" if unheard else ""))
        worker.write(partition, self.rng.randint(1, 6), self.now_ms, unheard)

    def _fold(self, really: bool) -> bool:
        """A piece of the meter's work on one partition, with a fate of its own."""
        rng = self.rng
        busy = [partition for partition in range(self.partitions) if not self._seat(partition).idle]
        if not really or not busy:
            return bool(busy)
        partition = rng.choice(busy)
        fate = None
        if self.left > 0 and rng.random() < 0.4:
            fate = Fate(rng.randrange(10), rng.choice((None, None, LOST, UNHEARD)))
        if self._go(self.owners[partition], partition, fate) is State.STANDING:
            after = rng.choice((self._kill, self._move, self._move, self._abort, self._nothing))
            after(partition)
        return True

    def _haunt(self, really: bool) -> bool:
        """Zombies go on: intake workers write what they still have, meter workers end what they had begun."""
        ghosts = [(ghost, number) for ghost in self.ghosts for number, line in enumerate(ghost.lines) if line]
        collected = [place for place in self.seats if place[0] != self.owners[place[1]]]
        if really and collected and (not ghosts or self.rng.random() < 0.5):
            worker, partition = self.rng.choice(collected)
            self._go(worker, partition, None)
            self.seats.pop((worker, partition)).leave()
        elif really and ghosts:
            self._write("zombie intake", *self.rng.choice(ghosts), unheard=False)
        return bool(ghosts or collected)

    def _seat(self, partition: int) -> Seat:
        place = (self.owners[partition], partition)
        if place not in self.seats:
            disk = self.disks[place[0]][partition]
            self.seats[place] = Seat(self.cluster, self.facts, partition, disk)
        return self.seats[place]

    def _go(self, worker: int, partition: int, fate: Fate | None) -> State | None:
        """Run a seat on; None: it is to be taken anew."""
        seat = self.seats[(worker, partition)]
        if seat.run is None and (worker != self.owners[partition] or seat.idle):
            return State.DONE
        what = f"worker {worker}: journal {partition} " + (
            "opens" if seat.position is None else f"from {seat.position}"
        )
        state = None
        try:
            state = seat.go(self.rng.randint(1, 9), fate)
            self.note(f"{what}, stands at {seat.run.where}" if seat.run else what)
        except Reopen as retake:
            self.note(f"{what}: {retake}")
        if fate is not None and fate.struck:
            self.left -= 1
        return state

    # What goes wrong

    def _strikes(self, probability: float) -> bool:
        """Whether fate strikes, which it does only so often."""
        if self.left > 0 and self.rng.random() < probability:
            self.left -= 1
            return True
        return False

    def _disturb(self) -> None:
        intake = (self._kill_intake, self._pause_intake, self._rebalance)
        meter = (self._kill, self._move, self._move, self._abort, self._compact)
        self.rng.choice(intake + meter)(self.rng.randrange(self.partitions))

    def _nothing(self, partition: int) -> None:
        """It stands there for a while."""

    def _kill_intake(self, _: int) -> None:
        number = self.rng.randrange(WORKERS)
        self.note(f"intake {number} is killed")
        self.intakes[number] = IntakeWorker(self.cluster, self.facts)

    def _pause_intake(self, _: int) -> None:
        number = self.rng.randrange(WORKERS)
        self.note(f"intake {number} is paused and replaced")
        self.ghosts.append(self.intakes[number])
        self.intakes[number] = IntakeWorker(self.cluster, self.facts)

    def _rebalance(self, _: int) -> None:
        """A source partition goes to the other worker, which begins where the last commit was."""
        if self.readers:
            tp = self.rng.choice(list(self.readers))
            after = self.readers[tp] = (self.readers[tp] + 1) % WORKERS
            self.intakes[after].done.pop(tp, None)
            self.note(f"{tp.topic}/{tp.partition} goes to intake {after}")

    def _kill(self, partition: int) -> None:
        """`kill -9` of a worker of the meter's side; its stores keep a prefix, or are lost."""
        rng = self.rng
        worker = self.owners[partition]
        lost = rng.random() < 0.25
        self.note(f"worker {worker} is killed" + (", its stores are lost" if lost else ""))
        for place in [place for place in self.seats if place[0] == worker]:
            self.seats.pop(place).kill()
        for disk in self.disks[worker]:
            disk.crash(rng)
            if lost:
                disk.lose()

    def _move(self, partition: int) -> None:
        """The group gives a partition to the other worker; the one that had it leaves in peace, or as a zombie."""
        before = self.owners[partition]
        seat = self.seats.get((before, partition))
        after = self.owners[partition] = (before + 1) % WORKERS
        if seat is not None and (seat.run is None or self.rng.random() < 0.2):
            self.seats.pop((before, partition)).leave()
            seat = None
        back = self.seats.pop((after, partition), None)
        if back is not None:
            back.leave()
        self.note(f"journal {partition} goes to worker {after}" + (", the other stands on" if seat else ""))
        if seat is not None and self.rng.random() < 0.7:  # taking over, it stands too: the other may go on in between
            self._seat(partition)
            self._go(after, partition, Fate(self.rng.randrange(8), None))

    def _abort(self, _: int) -> None:
        """The broker ends a transaction that stands open too long, and fences its producer."""
        for name in list(self.cluster.open):
            self.note(f"the broker aborts the transaction of {name}")
            self.cluster.epochs[name] += 1
            self.cluster.end(name, ABORTED)

    def _compact(self, partition: int) -> None:
        self.note(f"changelog {partition} is compacted")
        self.cluster.log("meter.changelog", partition).compact(self.rng)
