"""What a session reader reads: thousands of partitions, each from where its lane said, in the session of its leader."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import count

from faust.types import TP

from meter.batch.chunks import CHUNKS_AHEAD, Chunk
from meter.batch.sessions.requests import Place
from meter.batch.sessions.session import Session


class Reading:
    """One partition; `epoch`: of the chunks handed out since it was begun (0: it is not), `ahead`: how many."""

    __slots__ = ("ahead", "epoch", "error", "halted", "place", "position", "session", "tp")

    def __init__(self, tp: TP) -> None:
        self.tp = tp
        self.epoch, self.ahead, self.position = 0, 0, 0
        self.halted = False
        #: The error that its broker last answered with (0: none).
        self.error = 0
        self.place: Place | None = None
        self.session: Broker | None = None

    @property
    def wanted(self) -> bool:
        """Whether more of it is to be read."""
        return self.epoch > 0 and not self.halted and self.ahead < CHUNKS_AHEAD


class Broker(Session):
    """A broker's session."""

    def __init__(self, node: int) -> None:
        super().__init__()
        self.node = node
        #: Set when there is something to read.
        self.wake = asyncio.Event()
        #: When it last answered (Unix ms).
        self.heard_ms = 0
        #: Last stable offset and end of each partition of the session, as it said when they last changed.
        self.ends: dict[Place, tuple[int, int]] = {}


class Partitions:
    """Partitions by name, at most `CHUNKS_AHEAD` chunks of each handed out and unreleased.

    `topic_id` says which topic of a name is to be read: Kafka's id of it, in hex; empty while that is not known.
    """

    def __init__(self, topic_id: Callable[[TP], str]) -> None:
        self._topic_id = topic_id
        self._readings: dict[TP, Reading] = {}
        self._leaders: Mapping[TP, int] = {}
        self._at: dict[Place, Reading] = {}
        self._brokers: dict[int, Broker] = {}
        self._epochs = count(1)
        #: Partitions whose position moved since `moved` was asked.
        self._moved: set[TP] = set()
        #: Chunks handed out and not released, and what is set when that falls.
        self._out, self._fell = 0, asyncio.Event()

    # What is read

    def follow(self, tps: Iterable[TP]) -> None:
        """From now on these are the partitions to read; new ones wait for `begin`."""
        wanted = set(tps)
        for tp in self._readings.keys() - wanted:
            self.pause(tp)
            del self._readings[tp]
        for tp in wanted - self._readings.keys():
            self._readings[tp] = Reading(tp)

    def place(self, leaders: Mapping[TP, int]) -> None:
        """Which broker leads each partition now."""
        self._leaders = leaders
        for tp, reading in self._readings.items():
            if reading.wanted and (reading.session is None or reading.session.node != leaders.get(tp)):
                self._unplace(reading)
                self._read_on(reading)

    def assignment(self) -> Collection[TP]:
        """The partitions that are followed."""
        return self._readings.keys()

    def begin(self, tp: TP, offset: int) -> None:
        """Read `tp` from `offset` on (again): what was handed out before is void."""
        self.pause(tp)
        reading = self._readings[tp]
        reading.epoch, reading.position, reading.halted = next(self._epochs), offset, False
        self._moved.add(tp)
        self._read_on(reading)

    def pause(self, tp: TP) -> None:
        """Read no more of `tp` until `begin`."""
        reading = self._readings.get(tp)
        if reading is not None:
            self._unplace(reading)
            self._count(-reading.ahead)
            reading.epoch = reading.ahead = 0

    def halt(self, tp: TP) -> None:
        """Read no more of `tp` until `begin`; what was handed out stays good."""
        reading = self._readings.get(tp)
        if reading is not None:
            reading.halted = True
            self._leave(reading)

    def release(self, chunk: Chunk) -> None:
        """A lane is done with a chunk: another may be read; behind one that ended early, from there on."""
        if not self.current(chunk):
            return
        if not chunk.whole:
            self.begin(chunk.tp, chunk.position)
            return
        reading = self._readings[chunk.tp]
        was_wanted = reading.wanted
        reading.ahead -= 1
        self._count(-1)
        if reading.wanted and not was_wanted:
            self._read_on(reading)

    def _count(self, more: int) -> None:
        self._out += more
        if more < 0:
            self._fell.set()

    def _read_on(self, reading: Reading) -> None:
        if reading.session is None:
            node, topic_id = self._leaders.get(reading.tp), self._topic_id(reading.tp)
            if node is None or not topic_id:
                return  # `place` tries again
            reading.session, reading.place = self._broker(node), (bytes.fromhex(topic_id), reading.tp.partition)
            self._at[reading.place] = reading
        assert reading.place is not None
        reading.session.want(reading.place, reading.position)
        reading.session.wake.set()

    def _leave(self, reading: Reading) -> None:
        if reading.session is not None and reading.place is not None:
            reading.session.leave(reading.place)

    def _unplace(self, reading: Reading) -> None:
        self._leave(reading)
        if reading.place is not None and self._at.get(reading.place) is reading:
            del self._at[reading.place]
        reading.session = reading.place = None

    def _broker(self, node: int) -> Broker:
        broker = self._brokers.get(node)
        if broker is None:
            broker = self._brokers[node] = Broker(node)
            self._begin_broker(broker)
        return broker

    def _begin_broker(self, broker: Broker) -> None:
        """A broker leads a partition for the first time."""
        raise NotImplementedError

    # What is known

    def current(self, chunk: Chunk) -> bool:
        """False when the partition was taken away, or begun anew, since the chunk was read."""
        reading = self._readings.get(chunk.tp)
        return reading is not None and reading.epoch == chunk.epoch

    def position(self, tp: TP) -> int:
        """Where reading of `tp` goes on, markers skipped; no request."""
        return self._readings[tp].position

    def idle(self, tp: TP) -> bool:
        """Read from, and nothing handed out is unreleased: all before `position` was handled."""
        reading = self._readings.get(tp)
        return reading is not None and reading.epoch > 0 and not reading.halted and reading.ahead == 0

    def moved(self) -> set[TP]:
        """The partitions that were begun, or read on, since this was last asked."""
        moved, self._moved = self._moved, set()
        return moved

    def full(self, tp: TP) -> bool:
        """Whether so much of a partition is handed out and unreleased that no more of it is read."""
        reading = self._readings.get(tp)
        return reading is not None and reading.epoch > 0 and not reading.wanted

    def reach(self, tp: TP) -> tuple[int, int, int] | None:
        """Where reading goes on, where the first open transaction begins (or the end), and the end, as last heard."""
        reading = self._readings.get(tp)
        ends = None if reading is None else _ends(reading)
        return None if reading is None or ends is None or not reading.epoch else (reading.position, *ends)

    def heard_ms(self, tp: TP) -> int | None:
        """When Kafka last said the end of a partition that is read (Unix ms); None: never."""
        reading = self._readings.get(tp)
        if reading is None or reading.session is None or _ends(reading) is None:
            return None
        return reading.session.heard_ms


def _ends(reading: Reading) -> tuple[int, int] | None:
    if reading.session is None or reading.place is None:
        return None
    return reading.session.ends.get(reading.place)
