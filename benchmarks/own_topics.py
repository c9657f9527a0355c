"""Workspace topics in number: do 2,000 work, what do they cost, and how long do others wait while 200 appear?

`python -m benchmarks.own_topics --topics 2000 --more 200` needs a running broker: it starts a worker of its own under
a fresh prefix, makes the topics, keeps one event a second going to 20 of them, and tells what it saw.
The gap in counting is measured where it shows: in the freshness of `overages` of workspaces that were there before.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined] # exported all the same

PORT = 7179
WATCHED = 20
TICK = 0.1
CREATED_AT_ONCE = 200


class Bench:
    """One prefix, its producer and its admin."""

    def __init__(self, broker: str) -> None:
        self.broker = broker
        self.prefix = f"b{uuid.uuid4().hex[:8]}."
        self.admin = AdminClient({"bootstrap.servers": broker})
        self.producer = Producer({"bootstrap.servers": broker, "linger.ms": 5})
        self.sent = 0

    def make(self, numbers: range) -> None:
        config = {"message.timestamp.type": "LogAppendTime", "segment.bytes": "1048576"}
        for first in range(numbers.start, numbers.stop, CREATED_AT_ONCE):
            block = range(first, min(first + CREATED_AT_ONCE, numbers.stop))
            made = self.admin.create_topics([NewTopic(self.topic(number), 1, 1, config=config) for number in block])
            for future in made.values():
                future.result()

    def clean(self) -> None:
        """Nothing of the prefix is left."""
        names = [name for name in self.admin.list_topics(timeout=10).topics if name.startswith(self.prefix)]
        for future in self.admin.delete_topics(names).values():
            future.result()

    def topic(self, number: int) -> str:
        return f"{self.prefix}usage.w{number}"

    def bind(self, numbers: range) -> None:
        for number in numbers:
            record = {"workspace": f"w{number}", "account": f"a{number}", "tier": "commercial"}
            self.producer.produce(f"{self.prefix}workspaces", json.dumps(record))
            self.producer.poll(0)
        self.producer.flush()

    def report(self, number: int) -> None:
        self.sent += 1
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        event = {"specversion": "1.0", "id": str(self.sent), "source": "bench", "type": "usage.recorded", "time": now}
        self.producer.produce(
            self.topic(number), json.dumps({**event, "data": {"item": "api_calls", "quantity": 10_000}})
        )
        self.producer.poll(0)


@contextmanager
def worker(bench: Bench) -> "Iterator[subprocess.Popen[bytes]]":
    """A worker with a web port of its own; its log stays in a file that is told."""
    with tempfile.TemporaryDirectory() as directory:
        environment = {
            **os.environ,
            "METER_BROKER": bench.broker,
            "METER_TOPIC_PREFIX": bench.prefix,
            "METER_DATA_DIR": directory,
            "METER_WEB_PORT": str(PORT),
        }
        with (Path(directory) / "log").open("wb") as log:
            process = subprocess.Popen([sys.executable, "-m", "meter.cli", "worker"], env=environment, stderr=log)
            try:
                yield process
            finally:
                process.terminate()
                process.wait(20)
                if "BENCH_LOG" in os.environ:
                    print((Path(directory) / "log").read_text())


def cost(process: "subprocess.Popen[bytes]") -> tuple[float, int]:
    """CPU seconds so far, resident MB now."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    ticks = int(fields[11]) + int(fields[12])
    pages = int(fields[21])
    return ticks / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE") >> 20


class Watch:
    """Reads `overages` and remembers when usage of the watched workspaces was last counted."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.consumer = Consumer(
            {
                "bootstrap.servers": bench.broker,
                "group.id": bench.prefix,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 20,
                "enable.auto.commit": False,
            }
        )
        self.usage: dict[str, int] = {}
        self.last = 0.0
        self.gaps: list[float] = []

    def begin(self) -> None:
        topic = f"{self.bench.prefix}overages"
        partitions = self.consumer.list_topics(topic, timeout=10).topics[topic].partitions
        self.consumer.assign([TopicPartition(topic, number, 0) for number in partitions])

    def look(self, seconds: float) -> None:
        """Send and read for a while; a gap is the time between two readings that brought a watched workspace on."""
        until = time.monotonic() + seconds
        number, due = 0, time.monotonic()
        while time.monotonic() < until:
            if time.monotonic() >= due:
                self.bench.report(number % WATCHED)
                number, due = number + 1, due + TICK
            for record in self.consumer.consume(500, timeout=0.02):
                self.take(record)

    def take(self, record: Any) -> None:
        if record.error() is not None:
            return
        value = json.loads(record.value())
        self.usage[value["workspace"]] = value["usage"]
        if int(value["workspace"][1:]) < WATCHED:
            now = time.monotonic()
            self.gaps.append(now - self.last if self.last else 0.0)
            self.last = now

    def phase(self, name: str, seconds: float, process: "subprocess.Popen[bytes]") -> None:
        self.gaps.clear()
        self.last = time.monotonic()
        before, _ = cost(process)
        self.look(seconds)
        after, megabytes = cost(process)
        longest = max([*self.gaps, time.monotonic() - self.last])
        print(
            f"{name}: longest gap {longest:.2f} s, {100 * (after - before) / seconds:.0f} % of a core, {megabytes} MB",
            flush=True,
        )


def picked_up(bench: Bench, watch: Watch, numbers: range, seconds: float) -> None:
    """One event into each new topic; how long until all are counted."""
    for number in numbers:
        bench.report(number)
    bench.producer.flush()
    began = time.monotonic()
    wanted = {f"w{number}" for number in numbers}
    while not wanted <= watch.usage.keys() and time.monotonic() < began + seconds:
        watch.look(0.2)
    missing = len(wanted - watch.usage.keys())
    print(
        f"{len(numbers)} topics counted {time.monotonic() - began:.1f} s after their events, {missing} missing",
        flush=True,
    )


def ready() -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def restarted(bench: Bench) -> None:
    """How long a worker takes until every one of its topics is being read again, marks compared."""
    began = time.monotonic()
    with worker(bench) as process:
        while not ready():
            time.sleep(0.1)
        seconds, megabytes = cost(process)
        print(
            f"ready {time.monotonic() - began:.1f} s after a new start, {seconds:.1f} s of CPU, {megabytes} MB",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--broker", default="127.0.0.1:9092")
    parser.add_argument("--topics", type=int, default=2_000)
    parser.add_argument("--more", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20.0)
    chosen = parser.parse_args()
    bench = Bench(chosen.broker)
    try:
        run(bench, chosen)
        restarted(bench)
    finally:
        bench.clean()


def run(bench: Bench, chosen: argparse.Namespace) -> None:
    with worker(bench) as process:
        while f"{bench.prefix}dead-letters" not in bench.admin.list_topics(timeout=10).topics:
            time.sleep(0.2)
        watch = Watch(bench)
        watch.begin()
        bench.bind(range(chosen.topics + chosen.more))
        bench.make(range(WATCHED))
        picked_up(bench, watch, range(WATCHED), 60)
        watch.phase(f"{WATCHED} topics", chosen.seconds, process)
        began = time.monotonic()
        bench.make(range(WATCHED, chosen.topics))
        print(f"{chosen.topics} topics made in {time.monotonic() - began:.0f} s", flush=True)
        picked_up(bench, watch, range(WATCHED, chosen.topics), 120)
        watch.phase(f"{chosen.topics} topics", chosen.seconds, process)
        began = time.monotonic()
        more = range(chosen.topics, chosen.topics + chosen.more)
        bench.make(more)
        print(f"{chosen.more} more made in {time.monotonic() - began:.1f} s", flush=True)
        watch.phase(f"while {chosen.more} appear", 10.0, process)
        picked_up(bench, watch, more, 60)


if __name__ == "__main__":
    main()
