"""`python -m benchmarks.topic_rate`: a fixed rate through workspace topics, beside the shared topic and Kafka Streams.

Every contender gets the same events at the same rate from a process of its own, under a prefix of its own. CPU is
counted once it is warm: µs of the contender's processes for an event handled, and of the broker for an event produced.
`nobody-own` and `nobody-shared` say what producing alone costs the broker. Exit code 1 if a figure of anybody is wrong.
"""

import argparse
import math
from collections.abc import Iterable
from pathlib import Path

from benchmarks.noted import note
from benchmarks.own_broker import own_broker, say, stop_cleanly
from benchmarks.race.cluster import Cluster
from benchmarks.topic_rate.contenders import contender
from benchmarks.topic_rate.measuring import Run, Setting, measure

DEFAULT = "nobody-shared,nobody-own,meter-shared,meter-own,streams-shared,streams-own"
#: Thousands of topics are made on a busy machine: the shipped 4 s, for tests, fence a broker that is only slow.
PATIENT = {"broker.session.timeout.ms": "60000"}
HEAD = (
    *(
        "contender",
        "topics",
        "sent/s",
        "handled/s",
        "CPU µs an event: processes",
        "broker",
        "p50 ms",
        "p99 ms",
        "done after s",
    ),
    *("peak MiB", "wrong", "load"),
)


def row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def told(run: Run) -> str:
    """A row of the table."""
    wrong = f"{run.wrong} of {run.figures:,}" if run.figures else "–"
    latency = [f"{run.p50:,.0f}", f"{run.p99:,.0f}"] if run.p50 == run.p50 else ["–", "–"]
    cpu = " + ".join(f"{each:.1f}" for each in run.cpu) or "–"
    cells = [
        run.contender,
        f"{run.topics:,}",
        f"{run.reached:,.0f}",
        f"{run.handled_a_second:,.0f}",
        cpu,
        f"{run.broker_cpu:.1f}",
        *latency,
    ]
    behind = f"{run.behind_seconds:.1f}" if run.behind_seconds < math.inf else "never"
    return row([*cells, behind, f"{run.peak_mib:,.0f}", wrong, f"{run.busy}"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--topics", type=int, default=2_000, help="workspaces, each with a topic of its own")
    parser.add_argument("--rate", type=float, default=20_000, help="events a second in all")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each run, after 12 s to warm up")
    parser.add_argument("--linger-ms", type=int, default=1_000, help="how long a producer's record waits for others")
    parser.add_argument("--drain", type=float, default=120.0, help="seconds for what is left when all is sent")
    parser.add_argument("--contenders", default=DEFAULT, help="names, with commas")
    parser.add_argument("--roles", default="intake,meter", help="of the meter: one process for each")
    parser.add_argument("--rounds", type=int, default=1, help="every contender once in each")
    parser.add_argument("--results", type=Path, help="append every run to this file as a line of JSON")
    given = parser.parse_args()
    stop_cleanly()
    wrong = late = 0
    with own_broker(PATIENT) as (broker, pid):
        cluster = Cluster(broker)
        setting = Setting(given.topics, given.rate, given.seconds, given.linger_ms, given.drain, pid)
        print(row(HEAD))
        print(row(["---"] * len(HEAD)), flush=True)
        for _ in range(given.rounds):
            for name in given.contenders.split(","):
                run = measure(name, contender(name, given.roles.split(",")), cluster, setting)
                note(given.results, "topic_rate", linger_ms=given.linger_ms, **vars(run))
                print(told(run), flush=True)
                wrong += run.wrong
                late += run.behind_seconds == math.inf
    if wrong or late:
        raise SystemExit(f"{wrong} figures are wrong, or probes were never read; {late} runs were not done")
    say("every figure is right")


if __name__ == "__main__":
    main()
