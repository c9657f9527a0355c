"""Starting again: `python -m benchmarks.restart [--rows N] [--identities N] [--runs R] [--base TREE]`.

Makes a state of so many rows and identities by metering them, stops the worker, and starts it again: with its store
(warm), and with its store deleted (lost), in turn; with `--base`, the code of another work tree in turn too. The time
runs from the start of the process to the moment when another client holds the overage of a record that lay in Kafka
before. What a lost store became is compared with what it was, row by row, and every overage with a recount.
"""

import argparse
import hashlib
import json
import re
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition

from benchmarks.committed import last_overages
from benchmarks.load import Load, Sender, announce, usage_line, wrong_keys
from benchmarks.noted import note
from benchmarks.own_broker import own_broker, say, stop_cleanly
from benchmarks.quantiles import spread
from benchmarks.workers import Worker, meter_settings, until_handled
from meter.batch.store import Store
from tables import keys

#: Its web ports, counted from `benchmarks.workers.FIRST_PORT`: apart from those of other measurements.
INTAKE, METER = 240, 241
ITEMS = 5
WORKSPACES_AN_ACCOUNT = 4
#: Its binding; and for each account itself, its plan, its order and five cells: twelve rows of four workspaces.
ROWS_A_WORKSPACE = 3
BUILD_SECONDS = 900.0
COUNT_SECONDS = 180.0
PROBED = "probe"
READY = re.compile(r"^(\S+ \S+) INFO \S+: ready$", re.MULTILINE)


@dataclass(frozen=True)
class Start:
    """What one start took: seconds to `ready`, to the first record counted; of the restore alone; at the peak."""

    kind: str
    ready: float
    counted: float
    restore: float
    records: int
    cpu: float
    peak_mib: float


class Restarts:
    """One prefix with its state."""

    def __init__(self, load: Load, broker: str, directory: Path) -> None:
        self.load, self.broker, self.directory = load, broker, directory
        self.prefix = "restart."
        self.probes = 0
        self.settings = meter_settings(load.catalog(), broker, self.prefix, directory)
        self.stores = directory / f"worker-{METER}" / "stores"
        self._sender = Sender(broker, self.prefix)

    def build(self) -> None:
        """Meter the load, by a worker for each role."""
        workers = [Worker(INTAKE, "intake", self.settings, self.directory)]
        workers.append(Worker(METER, "meter", self.settings, self.directory))
        try:
            for worker in workers:
                worker.wait_ready()
            announce(self.load, self.broker, self.prefix)
            self._sender.send("workspaces", None, {"workspace": PROBED, "account": PROBED, "tier": "commercial"})
            for line in self.load.lines(datetime.now(UTC)):
                self._sender.send("usage", None, line)
            self._sender.flush()
            until_handled(workers, self.load.events, BUILD_SECONDS)
        finally:
            for worker in workers:
                worker.stop()

    def start(self, kind: str, tree: Path | None = None) -> Start:
        """Start, wait for the first record counted, stop; `tree`: another work tree whose code is started."""
        if kind == "lost":
            shutil.rmtree(self.stores)
        self._probe()
        logged = len((self.directory / f"worker-{METER}.log").read_text())
        with _reader(self.broker, f"{self.prefix}overages") as reader:
            begun, wall = time.monotonic(), time.time()
            worker = Worker(METER, "all", self.settings, self.directory, tree)
            try:
                self._until_counted(worker, reader)
                counted = time.monotonic() - begun
                log = _until_ready(worker, logged)
                restored = [int(records) for records in re.findall(r"(\d+) changelog records applied", log)]
                seconds = worker.metric("meter_restore_seconds")
                used = (worker.cpu(), worker.peak_mib())
            finally:
                worker.stop()
        name = kind if tree is None else f"{kind}, {tree.name}"
        return Start(name, _ready_at(log) - wall, counted, seconds, sum(restored), *used)

    def _probe(self) -> None:
        self.probes += 1
        line = usage_line(str(self.probes), "probe", PROBED, datetime.now(UTC), "logs", 1)
        self._sender.send("usage", None, line)
        self._sender.flush()

    def _until_counted(self, worker: Worker, reader: Consumer) -> None:
        deadline = time.monotonic() + COUNT_SECONDS
        while time.monotonic() < deadline and worker.process.poll() is None:
            for message in reader.consume(100, 0.02):
                if message.error() is None and json.loads(message.value() or b"")["workspace"] == PROBED:
                    return
        raise SystemExit(f"no record was counted:\n{worker.log.read_text()[-2000:]}")

    def wrong(self) -> int:
        """Overages that are not those of the recount."""
        published, _ = last_overages(self.broker, self.prefix)
        wanted = self.load.overages() | {f"{PROBED}/{PROBED}/logs": self.probes}
        return len(wrong_keys(wanted, published))

    def rebuilt(self) -> bool:
        """Lose the store once more, with no record to count: whether every row is there again."""
        before = self.held()[1]
        shutil.rmtree(self.stores)
        worker = Worker(METER, "all", self.settings, self.directory)
        try:
            worker.wait_ready(COUNT_SECONDS)
        finally:
            worker.stop()
        return self.held()[1] == before

    def held(self) -> tuple[Counter[bytes], str]:
        """How many rows of each table the stores hold, and a digest of them."""
        rows: Counter[bytes] = Counter()
        digest = hashlib.blake2b()
        for path in sorted(self.stores.iterdir()):
            for key, value in _rows(path):
                rows[key[:1]] += 1
                digest.update(b"%d %b %d %b" % (len(key), key, len(value), value))
        return rows, digest.hexdigest()


def _rows(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """A store's rows but for the partition's own (position, facts, where the changelog goes on)."""
    store = Store(path)
    try:
        yield from store.scan(b"", start=b"\1")
    finally:
        store.close()


class _reader:
    """A consumer at a topic's end, warmed up before the time begins."""

    def __init__(self, broker: str, topic: str) -> None:
        config = {"bootstrap.servers": broker, "group.id": f"reader-{time.time_ns()}", "enable.auto.commit": False}
        self._consumer = Consumer({**config, "isolation.level": "read_committed", "fetch.wait.max.ms": 10})
        self._topic = topic

    def __enter__(self) -> Consumer:
        reader = self._consumer
        places = []
        for partition in reader.list_topics(self._topic, 10).topics[self._topic].partitions:
            _, end = reader.get_watermark_offsets(TopicPartition(self._topic, partition), 10)
            places.append(TopicPartition(self._topic, partition, end))
        reader.assign(places)
        reader.consume(1, 1.0)
        return reader

    def __exit__(self, *trouble: object) -> None:
        self._consumer.close()


def _until_ready(worker: Worker, start: int) -> str:
    """The worker's log from `start` on, as soon as it says `ready`."""
    deadline = time.monotonic() + COUNT_SECONDS
    while time.monotonic() < deadline:
        log = worker.log.read_text()[start:]
        if READY.search(log):
            return log
        time.sleep(0.02)
    raise SystemExit(f"the worker did not say that it is ready:\n{worker.log.read_text()[-2000:]}")


def _ready_at(log: str) -> float:
    """When the log says `ready`, in seconds since 1970."""
    (at, *_) = READY.findall(log)
    return datetime.strptime(at, "%Y-%m-%d %H:%M:%S,%f").astimezone().timestamp()


def order(base: Path | None) -> list[tuple[str, Path | None]]:
    """Which starts follow each other; after its own lost one each finds its store as it left it."""
    if base is None:
        return [("warm", None), ("lost", None)]
    return [("warm", None), ("warm", base), ("lost", base), ("lost", None)]


def show(starts: list[Start]) -> None:
    """The table, median and range."""
    print(
        "| store | ready, s | first record counted, s | restore, s | records restored | a second | CPU s | peak MiB |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for kind in dict.fromkeys(start.kind for start in starts):
        those = [start for start in starts if start.kind == kind]
        columns = [
            spread([getattr(start, name) for start in those], ",.2f") for name in ("ready", "counted", "restore")
        ]
        columns.append(spread([float(start.records) for start in those], ",.0f"))
        columns.append(spread([start.records / start.restore for start in those if start.restore], ",.0f"))
        columns += [spread([start.cpu for start in those]), spread([start.peak_mib for start in those], ",.0f")]
        print(f"| {kind} | {' | '.join(columns)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows beside the identities, about")
    parser.add_argument("--identities", type=int, default=2_000_000, help="events counted")
    parser.add_argument("--runs", type=int, default=3, help="starts of each kind")
    parser.add_argument("--base", type=Path, help="another work tree, whose code is started in turn on the same state")
    parser.add_argument("--results", type=Path, help="append every start to this file as a line of JSON")
    given = parser.parse_args()
    stop_cleanly()
    workspaces = max(WORKSPACES_AN_ACCOUNT, given.rows // ROWS_A_WORKSPACE)
    load = Load(given.identities, workspaces, max(1, workspaces // WORKSPACES_AN_ACCOUNT), repeats=0.0, items=ITEMS)
    with own_broker() as (broker, _), tempfile.TemporaryDirectory() as directory:
        restarts = Restarts(load, broker, Path(directory))
        say(f"metering {load.events:,} events of {workspaces:,} workspaces")
        restarts.build()
        rows, _ = restarts.held()
        identities = load.events
        say(f"the stores hold {identities:,} identities; {rows.total():,} rows, {rows[keys.CELL]:,} of cells")
        starts = []
        restarts.start("warm")  # the first start makes what the build, by a worker for each role, did not leave
        for kind, tree in order(given.base) * given.runs:
            starts.append(restarts.start(kind, tree))
            note(given.results, "restart", identities=identities, rows=rows.total(), **vars(starts[-1]))
            say(f"{kind}: ready in {starts[-1].ready:.2f} s, first record counted in {starts[-1].counted:.2f} s")
        same, wrong = restarts.rebuilt(), restarts.wrong()
        show(starts)
    if wrong or not same:
        raise SystemExit(f"{wrong} overages are wrong; the rows are {'' if same else 'not '}those of before")
    say("every overage is right, every row as before")


if __name__ == "__main__":
    main()
