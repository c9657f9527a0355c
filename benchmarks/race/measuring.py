"""One run of one contender: prepare, calibrate, start, watch until all is done, judge every key, clean up."""

import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import wrong_keys
from benchmarks.race.cluster import Cluster, Place
from benchmarks.race.contenders import Contender, Entry
from benchmarks.race.programs import calibration, ended, stolen, stop
from benchmarks.race.source import Source
from benchmarks.workers import cpu_seconds

LOOK_SECONDS = 0.1
#: A run may take as long as this many events a second need, and the rest that every run may take.
SLOWEST, REST_SECONDS = 5_000, 90.0
SLOWEST_STOCK = 300


class Ended(Exception):
    """A program ended by itself: the run measured nothing."""


@dataclass(frozen=True)
class Look:
    """What was seen at one moment."""

    at: float
    cpu: float
    broker_cpu: float
    done: Mapping[Place, int]


@dataclass(frozen=True)
class Result:
    """What one run measured. CPU in seconds a million events, from the first record read to the end."""

    load: str
    contender: str
    title: str
    events: int
    round: int
    events_a_second: float
    seconds: float
    start_seconds: float
    cpu: float
    broker_cpu: float
    start_cpu_seconds: float
    setup_cpu_seconds: float
    peak_mib: float
    wrong_keys: int
    keys: int
    complete: bool
    calibration_seconds: float
    stolen_seconds: float
    at: str


def run(which: tuple[str, str, int], contender: Contender, cluster: Cluster, source: Source, broker_pid: int) -> Result:
    """One run under a name of its own; nothing of it is left. `which`: its load, contender and round."""
    size, name, number = which
    with tempfile.TemporaryDirectory(prefix="race-run-") as directory:
        entry = Entry(f"race-{name}-{os.urandom(3).hex()}", Path(directory), cluster, source)
        try:
            setup_cpu = contender.prepare(entry)
            calibrated, stolen_before, started = calibration(), stolen(), time.time()
            contender.start(entry)
            looks, complete = _watch(entry, contender, broker_pid)
            stolen_seconds = stolen() - stolen_before
            complete = complete and contender.all_handled(entry)
            peak = sum(program.peak_mib() for program in entry.programs)
            first = contender.first(entry)
            stop(entry.programs)
            found, wanted = contender.overages(entry), source.expected if contender.judged else {}
            wrong = len(wrong_keys(wanted, found))
        finally:
            stop(entry.programs)
            cluster.forget()
            cluster.delete(entry.name)
    events, last = source.load.events, looks[-1]
    begun = _last_before(looks, first or started)
    seconds = last.at - (first or started)
    return Result(
        size,
        name,
        contender.title,
        events,
        number,
        events / seconds,
        seconds,
        (first or started) - started,
        (last.cpu - begun.cpu) / events * 1e6,
        (last.broker_cpu - begun.broker_cpu) / events * 1e6,
        begun.cpu,
        setup_cpu,
        peak,
        wrong,
        len(wanted),
        complete and first is not None,
        calibrated,
        stolen_seconds,
        time.strftime("%Y-%m-%dT%H:%M:%S"),
    )


def _last_before(looks: Sequence[Look], moment: float) -> Look:
    return max((look for look in looks if look.at <= moment), key=lambda look: look.at, default=looks[0])


def _watch(entry: Entry, contender: Contender, broker_pid: int) -> tuple[list[Look], bool]:
    """Looks up to the one that first saw all of the goal done; False if that did not come in time."""
    slowest = SLOWEST_STOCK if contender.most_events else SLOWEST
    deadline = time.monotonic() + REST_SECONDS + entry.source.load.events / slowest
    looks: list[Look] = []
    rested_since = time.monotonic()
    while time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
        if (program := ended(entry.programs)) is not None:
            raise Ended(f"{entry.name}: a program ended by itself:\n{program.log.read_text()[-3000:]}")
        done = contender.progress(entry)
        cpu = sum(program.cpu() for program in entry.programs)
        looks.append(Look(time.time(), cpu, cpu_seconds(broker_pid), done))
        now = time.monotonic()
        if len(looks) < 2 or done != looks[-2].done or not _all_read(entry, done):
            rested_since = now
        elif now - rested_since >= contender.rest_seconds:
            goal = contender.goal(entry)
            reached = [number for number, look in enumerate(looks) if _reached(goal, look.done)]
            if reached:
                return looks[: reached[0] + 1], True
            rested_since = now
    return looks, False


def _all_read(entry: Entry, done: Mapping[Place, int]) -> bool:
    """Whether the whole input is done with, as far as a group says so; whoever has none says it by its goal."""
    of_input = [offset for (topic, _), offset in done.items() if topic == entry.source.topic]
    return sum(of_input) >= entry.source.load.events if of_input else any(done.values())


def _reached(goal: Mapping[Place, int], done: Mapping[Place, int]) -> bool:
    return bool(goal) and all(done.get(place, -1) >= end for place, end in goal.items())
