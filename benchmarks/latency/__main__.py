"""From a usage record's acknowledgement to its overage: `python -m benchmarks.latency [--rates 10,1000] [--half-of N]`.

Beside a load of so many events a second go probes, each of which changes a figure of its own. Its time runs from the
producer's delivery report to the moment when another client that reads `read_committed` holds the overage with it. The
load comes from a process of its own; all overages of load and probes are judged in the end.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.latency.contenders import contender
from benchmarks.latency.loading import Loading
from benchmarks.latency.probes import WARM_SECONDS, Probes
from benchmarks.load import Load
from benchmarks.noted import note
from benchmarks.own_broker import own_broker, say, stop_cleanly
from benchmarks.quantiles import quantile
from benchmarks.workers import cpu_seconds

PROBES_A_SECOND = 100.0
SHARES = (0.5, 0.9, 0.99, 0.999, 1.0)
HEAD = (
    *("contender", "events/s", "reached", "probes", "p50 ms", "p90", "p99", "p99.9", "max", "from sending: p50", "p99"),
    *("cores", "broker", "transaction ms", "to the journal, its transaction, the reader: p50 (p99)", "wrong"),
)


@dataclass(frozen=True)
class Run:
    """What one rate came to: cores used by each process; quantiles in ms, from acknowledgement and from sending."""

    contender: str
    rate: float
    reached: float
    probes: int
    cpu: tuple[float, ...]
    broker: float
    quantiles: tuple[float, ...]
    from_sending: tuple[float, ...]
    wrong: int
    #: Mean ms of a transaction.
    transaction_ms: float
    #: Median and p99 of what a probe waits for.
    waits: list[tuple[float, float]]

    def summary(self) -> str:
        """A row of the table."""
        milliseconds = [*self.quantiles, self.from_sending[0], self.from_sending[2]]
        cores = " + ".join(f"{used:.2f}" for used in self.cpu)
        rates = (self.contender, f"{self.rate:,.0f}", f"{self.reached:,.0f}", f"{self.probes:,}")
        times = (f"{each:.0f}" for each in milliseconds)
        waits = ", ".join(f"{median:.0f} ({most:.0f})" for median, most in self.waits)
        own = (cores, f"{self.broker:.2f}", f"{self.transaction_ms:.0f}", waits, f"{self.wrong}")
        return row(*rates, *times, *own)


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def measure(
    name: str, rate: float, seconds: float, roles: Sequence[str], broker: tuple[str, int], directory: Path
) -> Run:
    """One rate under a prefix of its own; `broker`: its address and its process."""
    probing = min(rate, PROBES_A_SECOND)
    load = Load(int((rate - probing) * (seconds + WARM_SECONDS)))
    measured = contender(name, broker[0], directory, roles)
    with ExitStack() as stack:
        measured.start(load, stack)
        loading = Loading(load, broker[0], measured.prefix, rate - probing)
        loading.go()
        probes = Probes(measured, probing, seconds)
        before, of_broker, since = measured.cpu(), cpu_seconds(broker[1]), time.monotonic()
        probes.run()
        passed = time.monotonic() - since
        cpu = tuple((now - used) / passed for now, used in zip(measured.cpu(), before, strict=True))
        broker_cpu = (cpu_seconds(broker[1]) - of_broker) / passed
        expected, reached = loading.ended()
        wrong = measured.wrong(expected, probes.of_each(), load.events + len(probes.sent)) + probes.missing()
        transaction_ms, waits = measured.transaction_ms(), measured.waits(probes)
    latencies, whole = probes.latencies(), probes.from_sending()
    return Run(
        name,
        rate,
        reached + probing,
        len(latencies),
        cpu,
        broker_cpu,
        quantiles(latencies),
        quantiles(whole),
        wrong,
        transaction_ms,
        waits,
    )


def quantiles(values: Sequence[float]) -> tuple[float, ...]:
    """Those of the table."""
    return tuple(quantile(values, share) for share in SHARES)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", default="10,1000,10000", help="events a second, probes included")
    parser.add_argument("--half-of", type=float, help="events a second that were measured as the most; half comes last")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each rate, after 5 s to warm up")
    parser.add_argument("--rounds", type=int, default=1, help="every rate once in each")
    parser.add_argument("--roles", default="intake,meter", help="one process for each, such as all or all,all")
    parser.add_argument("--contenders", default="meter", help="in turn at each rate: meter, streams-100, streams-30")
    parser.add_argument("--results", type=Path, help="append every run to this file as a line of JSON")
    given = parser.parse_args()
    stop_cleanly()
    rates = [float(rate) for rate in given.rates.split(",")] + ([given.half_of / 2] if given.half_of else [])
    wrong = 0
    print(row(*HEAD))
    print(row(*["---"] * len(HEAD)), flush=True)
    with own_broker() as broker:
        for name, rate in [
            (name, rate) for _ in range(given.rounds) for rate in rates for name in given.contenders.split(",")
        ]:
            with tempfile.TemporaryDirectory() as directory:
                run = measure(name, rate, given.seconds, given.roles.split(","), broker, Path(directory))
            note(given.results, "latency", roles=given.roles, seconds=given.seconds, **vars(run))
            print(run.summary(), flush=True)
            wrong += run.wrong
    if wrong:
        raise SystemExit("figures are wrong, or probes were never read")
    say("every figure is right")


if __name__ == "__main__":
    main()
