"""Throughput of the whole meter: `python -m benchmarks.throughput [--events N] [--roles intake,meter] [--runs R]`.

The load lies in Kafka before the workers begin. Measured from the first event counted to the last one committed
(identities claimed, figures published, state in the changelog, all in transactions); every key is then compared
with a brute-force recount. CPU is what the processes used in that time, broker beside them on the same cores.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.committed import last_overages
from benchmarks.load import Load, send, wrong_keys
from benchmarks.workers import Worker, cpu_seconds, make_topics, meter_settings, until_handled

LIMIT_SECONDS = 600


@dataclass(frozen=True)
class Run:
    """What one run measured; CPU in µs an event."""

    events_a_second: float
    cpu: tuple[float, ...]
    broker_cpu: float
    peak_mib: float
    overage_records: int
    wrong_keys: int


def measure(load: Load, broker: str, broker_pid: int | None, roles: Sequence[str], directory: Path) -> Run:
    """One run under a prefix of its own."""
    prefix = f"bench-{time.time_ns():x}."
    settings = meter_settings(load.catalog(), broker, prefix, directory)
    make_topics(90, settings, directory)
    send(load, broker, prefix)
    workers = [Worker(number, role, settings, directory) for number, role in enumerate(roles)]
    try:
        return timed(load, workers, broker, broker_pid, prefix)
    finally:
        for worker in workers:
            worker.stop()


def timed(
    load: Load, workers: Sequence[Worker], broker: str, broker_pid: int | None, prefix: str, orders: int | None = None
) -> Run:
    """Time a load that is being sent; `orders`: how many of its orders these workers decide (None: all)."""
    orders = load.accounts * load.plans if orders is None else orders
    begun = until_handled(workers, 1, LIMIT_SECONDS, 0.02)
    since, cpu = time.monotonic(), [worker.cpu() for worker in workers]
    broker_cpu = cpu_seconds(broker_pid) if broker_pid else 0.0
    until_handled(workers, load.events, LIMIT_SECONDS, 0.05)
    seconds, events = time.monotonic() - since, load.events - begun
    used = tuple((worker.cpu() - before) / events * 1e6 for worker, before in zip(workers, cpu, strict=True))
    broker_used = (cpu_seconds(broker_pid) - broker_cpu) / events * 1e6 if broker_pid else 0.0
    until_handled(workers, orders, LIMIT_SECONDS, kind="order")  # some stand behind the last event
    published, records = last_overages(broker, prefix)
    wrong = wrong_keys(load.overages(), published)
    peak = sum(worker.peak_mib() for worker in workers)
    return Run(events / seconds, used, broker_used, peak, records, len(wrong))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--workspaces", type=int, default=2_000)
    parser.add_argument("--accounts", type=int, default=500)
    parser.add_argument("--repeats", type=float, default=0.01)
    parser.add_argument("--items", type=int, default=5, help="billing items used, at most 8")
    parser.add_argument("--plans", type=int, default=1, help="plans of each account, all in force")
    parser.add_argument("--roles", default="intake,meter", help="one process for each, such as all or all,all")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--broker", default=os.environ.get("METER_BROKER", "127.0.0.1:9092"))
    parser.add_argument("--broker-pid", type=int, help="to measure its CPU too")
    given = parser.parse_args()
    roles = given.roles.split(",")
    runs = []
    for number in range(given.runs):
        load = Load(
            given.events,
            given.workspaces,
            given.accounts,
            given.repeats,
            items=given.items,
            plans=given.plans,
        )
        with tempfile.TemporaryDirectory() as directory:
            run = measure(load, given.broker, given.broker_pid, roles, Path(directory))
        runs.append(run)
        cpu = " + ".join(f"{used:.1f}" for used in run.cpu)
        print(
            f"run {number + 1}: {run.events_a_second:,.0f} events/s; CPU {cpu} µs an event ({given.roles}), "
            f"broker {run.broker_cpu:.1f}; peak {run.peak_mib:.0f} MiB; {run.overage_records:,} overage records, "
            f"{run.wrong_keys} of the final figures wrong",
            flush=True,
        )
    rates = [run.events_a_second for run in runs]
    print(f"median {statistics.median(rates):,.0f} events/s (range {min(rates):,.0f} to {max(rates):,.0f})")
    if any(run.wrong_keys for run in runs):
        raise SystemExit("figures are wrong")


if __name__ == "__main__":
    main()
