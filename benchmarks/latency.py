"""From a usage record's acknowledgement to its overage: `python -m benchmarks.latency [--rates 10,1000] [--half-of N]`.

Beside a load of so many events a second go probes: usage of workspaces that no plan lists, so that each changes a
figure of its own. Its time runs from the producer's delivery report to the moment when another client that reads
`read_committed` holds the overage record with that usage. The load comes from a process of its own; all overages of
load and probes are judged in the end.
"""

import argparse
import json
import multiprocessing
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.committed import last_overages
from benchmarks.load import Load, Sender, announce, usage_line, wrong_keys
from benchmarks.noted import note
from benchmarks.own_broker import own_broker, say, stop_cleanly
from benchmarks.quantiles import quantile
from benchmarks.workers import Worker, meter_settings, until_handled

#: Their web ports, counted from `benchmarks.workers.FIRST_PORT`: apart from those of other measurements.
FIRST_NUMBER = 220
PROBES_A_SECOND = 100.0
#: Accounts of one workspace: so many that every journal partition has its share.
PROBED = 64
PROBED_ITEM = "logs"
#: Not counted, until caches and connections are warm.
WARM_SECONDS = 5.0
DRAIN_SECONDS = 60.0
SHARES = (0.5, 0.9, 0.99, 0.999, 1.0)
HEAD = (
    *("events/s", "reached", "probes", "p50 ms", "p90", "p99", "p99.9", "max", "from sending: p50", "p99"),
    *("cores", "transaction ms", "wrong"),
)


class Probes:
    """What was sent when, and read when; one thread sends, one hears of acknowledgements, one reads."""

    def __init__(self, broker: str, prefix: str, rate: float, seconds: float) -> None:
        self._prefix = prefix
        self._producer = Producer({"bootstrap.servers": broker, "acks": "all", "linger.ms": 0})
        self._reader = Consumer(
            {
                "bootstrap.servers": broker,
                "group.id": f"{prefix}probes",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 10,
            }
        )
        self._count, self._rate = int(rate * (seconds + WARM_SECONDS)), rate
        self._warm = int(rate * WARM_SECONDS)
        self.sent, self.acknowledged, self.read = ([0.0] * self._count for _ in range(3))
        self._next = [0] * PROBED  # the probes of a workspace that were read
        self._over = threading.Event()

    def run(self) -> None:
        """Send all, and read until all are there."""
        topic = f"{self._prefix}overages"
        partitions = self._reader.list_topics(topic, 10).topics[topic].partitions
        self._reader.assign([TopicPartition(topic, partition, 0) for partition in partitions])
        threads = [threading.Thread(target=work) for work in (self._hear, self._listen)]
        for thread in threads:
            thread.start()
        try:
            self._send()
            deadline = time.monotonic() + DRAIN_SECONDS
            while not all(self.read) and time.monotonic() < deadline:
                time.sleep(0.05)
        finally:
            self._over.set()
            for thread in threads:
                thread.join()
            self._reader.close()

    def topic(self, number: int) -> str:
        """The topic of a probe."""
        return f"{self._prefix}usage"

    def latencies(self) -> list[float]:
        """Milliseconds from acknowledgement to reading, without those of the first seconds."""
        pairs = zip(self.acknowledged[self._warm :], self.read[self._warm :], strict=True)
        return [(read - acknowledged) * 1e3 for acknowledged, read in pairs if read]

    def from_sending(self) -> list[float]:
        """The same from the moment the producer was given the record."""
        pairs = zip(self.sent[self._warm :], self.read[self._warm :], strict=True)
        return [(read - sent) * 1e3 for sent, read in pairs if read]

    def missing(self) -> int:
        return self.read.count(0.0)

    def expected(self) -> dict[str, int]:
        """The last overage of each probed workspace."""
        found = {f"probe_{each}/probed_{each}/{PROBED_ITEM}": 0 for each in range(min(PROBED, self._count))}
        for number in range(self._count):
            found[f"probe_{number % PROBED}/probed_{number % PROBED}/{PROBED_ITEM}"] += 1
        return found

    def _send(self) -> None:
        begun = time.perf_counter()
        for number in range(self._count):
            time.sleep(max(0.0, begun + number / self._rate - time.perf_counter()))
            value = _probe(number)
            self.sent[number] = time.perf_counter()
            self._producer.produce(self.topic(number), value, on_delivery=self._acknowledging(number))
        self._producer.flush(30)

    def _acknowledging(self, number: int) -> Callable[[object, object], None]:
        def collect(error: object, message: object) -> None:
            if error is None:
                self.acknowledged[number] = time.perf_counter()

        return collect

    def _hear(self) -> None:
        while not self._over.is_set():
            self._producer.poll(0.1)

    def _listen(self) -> None:
        while not self._over.is_set():
            message = self._reader.poll(0.05)  # `consume` would wait until the time is over, or many have come
            if message is None or message.error() is not None:
                continue
            if (message.key() or b"").startswith(b"probe_"):
                self._see(time.perf_counter(), json.loads(message.value() or b""))

    def _see(self, now: float, told: dict[str, object]) -> None:
        which = int(str(told["workspace"]).removeprefix("probed_"))
        usage = int(str(told["usage"]))
        for number in range(self._next[which], usage):
            self.read[number * PROBED + which] = now
        self._next[which] = max(self._next[which], usage)


def _probe(number: int) -> bytes:
    return usage_line(str(number), "probe", f"probed_{number % PROBED}", datetime.now(UTC), PROBED_ITEM, 1)


def load_in_process(load: Load, broker: str, prefix: str, rate: float, end: Connection) -> None:
    """The load, in a process of its own: made first, sent at its rate when told to, then what must come out of it."""
    lines = list(load.lines(datetime.now(UTC)))
    sender = Sender(broker, prefix)
    end.send("made")
    end.recv()
    begun, sent = time.monotonic(), 0
    while sent < len(lines):
        due = min(len(lines), int((time.monotonic() - begun) * rate) + 1)
        for line in lines[sent:due]:
            sender.send("usage", None, line)
        sent = due
        time.sleep(0.005)
    seconds = time.monotonic() - begun
    sender.flush()
    end.send((load.overages(), len(lines) / seconds))


@dataclass(frozen=True)
class Run:
    """What one rate came to: cores used by each worker; quantiles in ms, from acknowledgement and from sending."""

    rate: float
    reached: float
    probes: int
    cpu: tuple[float, ...]
    quantiles: tuple[float, ...]
    from_sending: tuple[float, ...]
    wrong: int
    #: Mean ms of folding a chunk, and of its transaction.
    chunk_ms: float
    transaction_ms: float

    def summary(self) -> str:
        """A row of the table."""
        milliseconds = [*self.quantiles, self.from_sending[0], self.from_sending[2]]
        cores = " + ".join(f"{used:.2f}" for used in self.cpu)
        rates = (f"{self.rate:,.0f}", f"{self.reached:,.0f}", f"{self.probes:,}")
        return row(
            *rates, *(f"{each:.0f}" for each in milliseconds), cores, f"{self.transaction_ms:.0f}", f"{self.wrong}"
        )


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def measure(rate: float, seconds: float, roles: Sequence[str], broker: str, directory: Path) -> Run:
    """One rate under a prefix of its own."""
    prefix, probing = f"lat-{time.time_ns():x}.", min(rate, PROBES_A_SECOND)
    load = Load(int((rate - probing) * (seconds + WARM_SECONDS)))
    settings = meter_settings(load.catalog(), broker, prefix, directory)
    with ExitStack() as stack:
        workers = [Worker(FIRST_NUMBER + n, role, settings, directory) for n, role in enumerate(roles)]
        for worker in workers:
            stack.callback(worker.stop)
        for worker in workers:
            worker.wait_ready()
        announce(load, broker, prefix)
        _announce_probed(broker, prefix)
        here, there = multiprocessing.Pipe()
        arguments = (load, broker, prefix, rate - probing, there)
        loading = multiprocessing.get_context("spawn").Process(target=load_in_process, args=arguments, daemon=True)
        loading.start()
        here.recv()
        here.send("go")
        probes = Probes(broker, prefix, probing, seconds)
        before, since = [worker.cpu() for worker in workers], time.monotonic()
        probes.run()
        passed = time.monotonic() - since
        cpu = tuple((worker.cpu() - used) / passed for worker, used in zip(workers, before, strict=True))
        chunks = mean_ms(workers, "meter_chunk_seconds"), mean_ms(workers, "meter_transaction_seconds")
        expected, reached = here.recv()
        loading.join()
        until_handled(workers, load.events + len(probes.sent), DRAIN_SECONDS)
    published, _ = last_overages(broker, prefix)
    wanted = expected | probes.expected()
    wrong = len(wrong_keys(wanted, published))
    latencies, whole = probes.latencies(), probes.from_sending()
    found = (len(latencies), cpu, quantiles(latencies), quantiles(whole), wrong + probes.missing())
    return Run(rate, reached + probing, *found, *chunks)


def mean_ms(workers: Sequence[Worker], name: str) -> float:
    """The mean of a histogram of seconds, of all workers."""
    count = sum(worker.metric(f"{name}_count") for worker in workers)
    return 1e3 * sum(worker.metric(f"{name}_sum") for worker in workers) / max(1.0, count)


def quantiles(values: Sequence[float]) -> tuple[float, ...]:
    """Those of the table."""
    return tuple(quantile(values, share) for share in SHARES)


def _announce_probed(broker: str, prefix: str) -> None:
    sender = Sender(broker, prefix)
    for each in range(PROBED):
        found = {"workspace": f"probed_{each}", "account": f"probe_{each}", "tier": "commercial"}
        sender.send("workspaces", None, found)
    sender.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", default="10,1000,10000", help="events a second, probes included")
    parser.add_argument("--half-of", type=float, help="events a second that were measured as the most; half comes last")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each rate, after 5 s to warm up")
    parser.add_argument("--rounds", type=int, default=1, help="every rate once in each")
    parser.add_argument("--roles", default="intake,meter", help="one process for each, such as all or all,all")
    parser.add_argument("--results", type=Path, help="append every run to this file as a line of JSON")
    given = parser.parse_args()
    stop_cleanly()
    rates = [float(rate) for rate in given.rates.split(",")] + ([given.half_of / 2] if given.half_of else [])
    wrong = 0
    print(row(*HEAD))
    print(row(*["---"] * len(HEAD)), flush=True)
    with own_broker() as (broker, _):
        for _ in range(given.rounds):
            for rate in rates:
                with tempfile.TemporaryDirectory() as directory:
                    run = measure(rate, given.seconds, given.roles.split(","), broker, Path(directory))
                note(given.results, "latency", roles=given.roles, seconds=given.seconds, **vars(run))
                print(run.summary(), flush=True)
                wrong += run.wrong
    if wrong:
        raise SystemExit("figures are wrong, or probes were never read")
    say("every figure is right")


if __name__ == "__main__":
    main()
