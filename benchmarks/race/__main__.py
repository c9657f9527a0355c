"""`python -m benchmarks.race [--events N] [--runs R] [--contenders a,b]`: all on one broker of its own, interleaved.

Every round runs every contender once, each beginning one place later than in the round before. A line of JSON for
each run goes to the results file. Exit code 1 if a figure of anybody is wrong.
"""

import argparse
import faulthandler
import json
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.load import SIZES
from benchmarks.own_broker import own_broker, say
from benchmarks.race.cluster import Cluster
from benchmarks.race.contenders import Contender, Floor, Hand, KafkaStreams, StockFaust
from benchmarks.race.measuring import Ended, Result, run
from benchmarks.race.metering import Metering
from benchmarks.race.source import Source
from benchmarks.race.table import ratios, table

CONTENDERS: dict[str, Contender] = {
    "meter": Metering(("all", "all")),
    "kafka-streams": KafkaStreams(),
    "hand": Hand(),
    "floor": Floor(),
    "meter-roles": Metering(("intake", "meter")),
    "meter-one": Metering(("all",)),
    "faust": StockFaust(),
}
DEFAULT = "meter,kafka-streams,hand,floor"
RESULTS = Path(__file__).with_name("results.jsonl")


class Sources:
    """The inputs, made when they are first needed, and anew on another day: a plan covers from the day it is bought."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._made: dict[tuple[str, int], Source] = {}

    def of(self, size: str, events: int) -> Source:
        made = self._made.get((size, events))
        if made is None or made.day != datetime.now(UTC).date():
            say(f"making the {size} input: {events:,} events")
            made = self._made[size, events] = Source.made(self._cluster, SIZES[size].load(events))
            say(f"{made.mean_bytes:.0f} bytes an event, {len(made.expected):,} figures over")
        return made


def race(
    names: Sequence[str], sizes: Sequence[str], events: int, rounds: int, results: Path
) -> tuple[list[Result], int]:
    """All rounds of each load: what was measured, and how many runs came to nothing."""
    done: list[Result] = []
    failed = 0
    for name in names:
        CONTENDERS[name].setup()
    with own_broker() as (broker, pid):
        cluster = Cluster(broker)
        sources = Sources(cluster)
        for size, number, name in order(names, sizes, rounds):
            contender = CONTENDERS[name]
            source = sources.of(size, min(events, contender.most_events or events))
            say(f"{size}, round {number + 1} of {rounds}: {contender.title}")
            try:
                result = run((size, name, number), contender, cluster, source, pid)
            except Ended as error:
                failed += 1
                say(str(error))
                continue
            done.append(result)
            with results.open("a") as file:
                file.write(json.dumps(asdict(result)) + "\n")
            say(line_of(result))
    return done, failed


def order(names: Sequence[str], sizes: Sequence[str], rounds: int) -> Iterator[tuple[str, int, str]]:
    """Load, round and contender of each run: one load after the other, in each round somebody else begins."""
    for size in sizes:
        for number in range(rounds):
            first = number % len(names)
            for name in (*names[first:], *names[:first]):
                yield size, number, name


def line_of(result: Result) -> str:
    """One run in a line."""
    return (
        f"  {result.events_a_second:,.0f} events/s, CPU {result.cpu:.1f} + {result.broker_cpu:.1f} s a million, "
        f"{result.peak_mib:,.0f} MiB, {result.wrong_keys} of {result.keys:,} keys wrong"
        f"{'' if result.complete else ', NOT FINISHED'} "
        f"(begun after {result.start_seconds:.1f} s; calibration {result.calibration_seconds:.2f} s, "
        f"stolen {result.stolen_seconds:.1f} s)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3, help="rounds; every contender runs once in each")
    parser.add_argument("--contenders", default=DEFAULT, help=f"of {', '.join(CONTENDERS)}")
    parser.add_argument("--loads", default=",".join(SIZES), help=f"of {', '.join(SIZES)}, with commas between them")
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args()
    names, sizes = given.contenders.split(","), given.loads.split(",")
    for what, chosen, there in (("contender", names, CONTENDERS), ("load", sizes, SIZES)):
        if unknown := [name for name in chosen if name not in there]:
            raise SystemExit(f"no such {what}: {', '.join(unknown)}; there are {', '.join(there)}")
    faulthandler.enable()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    results, failed = race(names, sizes, given.events, given.runs, given.results)
    print(f"\n{table(results)}\n\n{ratios(results)}")
    if failed or any(result.wrong_keys or not result.complete for result in results):
        raise SystemExit("not every figure is right")


if __name__ == "__main__":
    main()
