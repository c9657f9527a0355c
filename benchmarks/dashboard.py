"""How fast the dashboard reads from nothing, how large its file is, and how soon a restart shows the first page.

Published records of one day are made as a meter would have published them: half of the accounts by usage (an overage
for each cell), half with a plan (balances, and overages of three workspaces in ten), twice each, so that half of what
is read is replaced by what comes later. `--in-process` leaves Kafka and the web out: what the file alone costs.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.noted import note
from benchmarks.own_broker import own_broker, say, stop_cleanly
from meter.dashboard.calendar import Calendar
from meter.dashboard.ingest.batch import Ingest
from meter.dashboard.ingest.published import Published
from meter.dashboard.store import Store
from meter.kafka.partitioner import partition_of

WORKSPACES, ITEMS = 10, ("datakit", "logs", "backup_logs", "traces", "pv", "api_calls", "triggers", "sms")
PARTITIONS, PREFIX, PORT = 4, "bench.", 6_997
BATCH = 10_000
ZONE = "+00:00"


class Made(NamedTuple):
    """A record to publish."""

    topic: str
    account: str
    key: str
    value: bytes


def made(cells: int, day: str) -> Iterator[Made]:
    """What a meter publishes of so many cells, account by account, in two rounds."""
    accounts = max(1, cells // (WORKSPACES * len(ITEMS)))
    for revision in (1, 2):
        for number in range(accounts):
            account = f"account-{number:06}"
            for item in ITEMS:
                yield from _item(account, item, day, number * 2 + revision, revision, by_usage=number % 2 == 0)


def _item(account: str, item: str, day: str, revision: int, turn: int, by_usage: bool) -> Iterator[Made]:
    names = [f"{account}-w{place}" for place in range(WORKSPACES)]
    usage = 1_000_000 * turn
    over = names if by_usage else names[7:]
    for name in over:
        record = _overage(account, name, item, day, revision, usage, "pay_as_you_go" if by_usage else "package")
        record["previous_revision"] = revision - 1 if turn == 2 else 0
        yield Made("overages", account, f"{account}/{name}/{item}/{day}", json.dumps(record).encode())
    if not by_usage:
        covered = usage * 7
        workspaces = [
            {
                "workspace": name,
                "usage": usage,
                "covered": usage * (name not in over),
                "overage": usage * (name in over),
            }
            for name in names
        ]
        balance = {"account": account, "item": item, "day": day, "quota": covered, "covered": covered, "left": 0}
        balance["plans"] = [{"plan_id": "o-1", "quota": covered, "covered": covered, "left": 0}]
        balance |= {"workspaces": workspaces, "revision": revision}
        yield Made("quota-balances", account, f"{account}/{item}/{day}", json.dumps(balance).encode())


def _overage(account: str, name: str, item: str, day: str, revision: int, usage: int, basis: str) -> dict[str, Any]:
    line = {"retention_days": 14, "quantity": usage, "units": "1.00", "unit_price": "1.5", "amount": "1.50"}
    return {
        "account": account,
        "workspace": name,
        "item": item,
        "day": day,
        "revision": revision,
        "usage": usage,
        "covered": 0,
        "overage": usage,
        "delta": 1_000_000,
        "basis": basis,
        "plans": [],
        "charge": {"amount": f"{1.5 * usage / 1e6:.2f}", "currency": "CNY", "lines": [line]},
        "cause": {"kind": "usage", "workspaces": [name], "topic": "usage", "partition": 3, "first_offset": revision}
        | {"last_offset": revision + 10},
        "restated": False,
    }


def in_process(cells: int) -> dict[str, Any]:
    """The file alone."""
    day = time.strftime("%Y-%m-%d", time.gmtime())
    now_ms = time.time_ns() // 1_000_000
    published = [
        Published(each.topic, partition_of(each.account, PARTITIONS), offset, now_ms, each.key.encode(), each.value)
        for offset, each in enumerate(made(cells, day))
    ]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "dashboard.sqlite"
        store = Store(path)
        store.begin("bench")
        ingest = Ingest(store.writer, Calendar(ZONE, 3600, 35))
        began, cpu = time.monotonic(), time.process_time()
        for start in range(0, len(published), BATCH):
            batch = published[start : start + BATCH]
            ingest.take(batch, {("overages", 0): start + len(batch)}, day)
        seconds, cpu = time.monotonic() - began, time.process_time() - cpu
        found = figures(store, cells)
        store.close()
        size = sum(file.stat().st_size for file in path.parent.iterdir())
    return {"records": len(published), "seconds": round(seconds, 1), "cpu": round(cpu, 1), "mb": size / 1e6, **found}


def figures(store: Store, cells: int) -> dict[str, Any]:
    """What the file holds; a wrong total ends the run."""
    count, usage = store.writer.execute("SELECT count(*), sum(usage) FROM cells").fetchone()
    whole = cells // (WORKSPACES * len(ITEMS)) * WORKSPACES * len(ITEMS)
    if (count, usage) != (whole, whole * 2_000_000):
        raise SystemExit(f"wrong: {count} cells with {usage} of usage, they should be {whole} with {whole * 2_000_000}")
    tables = "SELECT name, sum(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC LIMIT 5"
    try:
        sizes = {name: round(size / 1e6, 1) for name, size in store.writer.execute(tables)}
    except Exception:
        sizes = {}
    return {"cells": count, "tables_mb": sizes}


def through_kafka(cells: int) -> dict[str, Any]:
    """A dashboard process at a broker of its own: from nothing, then again."""
    with own_broker() as (broker, _), tempfile.TemporaryDirectory() as directory:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("METER_")}
        environment |= {"METER_BROKER": broker, "METER_TOPIC_PREFIX": PREFIX, "METER_DATA_DIR": directory}
        environment |= {"METER_DASHBOARD_PORT": str(PORT), "METER_BILLING_TIME_ZONE": ZONE}
        records = publish(broker, cells)
        say(f"{records} records published; reading them from nothing")
        first = started(environment, until="/ready")
        cpu, memory = stopped(first.process)
        size = sum(file.stat().st_size for file in Path(directory).iterdir())
        warm = started(environment, until="/index.json")
        stopped(warm.process)
        return {
            "records": records,
            "seconds": round(first.seconds, 2),
            "records_a_second": round(records / first.seconds),
            "cpu_seconds": round(cpu, 1),
            "records_a_cpu_second": round(records / cpu),
            "mb": round(size / 1e6, 1),
            "memory_mb": round(memory / 1e6),
            "warm_seconds_to_the_first_page": round(warm.seconds, 2),
        }


class Started(NamedTuple):
    """A dashboard, and how long until it answered."""

    process: "subprocess.Popen[bytes]"
    seconds: float


def started(environment: dict[str, str], until: str) -> Started:
    """Start a dashboard and wait until an address answers 200."""
    began = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "meter.cli", "dashboard"], env=environment)
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{PORT}{until}", timeout=30) as answer:
                if answer.status == 200:
                    return Started(process, time.monotonic() - began)
        except OSError:
            if process.poll() is not None:
                raise SystemExit("the dashboard ended") from None
        time.sleep(0.02)


def stopped(process: "subprocess.Popen[bytes]") -> tuple[float, int]:
    """Stop it; the CPU seconds that it took, and its greatest memory in bytes."""
    directory = Path(f"/proc/{process.pid}")
    times = (directory / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    status = (directory / "status").read_text(encoding="utf-8")
    process.terminate()
    process.wait()
    cpu = (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")
    return cpu, int(status.partition("VmHWM:")[2].split()[0]) * 1024


def make_topics(broker: str) -> None:
    """The topics of a meter."""
    import asyncio

    from meter.kafka.admin import connected_admin, ensure_topics
    from meter.settings import Settings

    settings = Settings(broker=broker, topic_prefix=PREFIX, partitions=PARTITIONS)

    async def ensured() -> None:
        async with connected_admin(settings) as admin:
            await ensure_topics(settings, admin)

    asyncio.run(ensured())


def publish(broker: str, cells: int) -> int:
    """Make the topics and publish; how many records."""
    from confluent_kafka import Producer

    make_topics(broker)
    producer = Producer(
        {"bootstrap.servers": broker, "linger.ms": 50, "compression.type": "lz4", "batch.size": 1 << 20}
    )
    day = time.strftime("%Y-%m-%d", time.gmtime())
    records = 0
    for each in made(cells, day):
        while True:
            try:
                producer.produce(
                    PREFIX + each.topic, each.value, each.key, partition=partition_of(each.account, PARTITIONS)
                )
                break
            except BufferError:
                producer.poll(0.1)
        records += 1
    producer.flush()
    return records


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=1_000_000, help="workspaces times items (default 1,000,000)")
    parser.add_argument("--in-process", action="store_true", help="without Kafka and web: the file alone")
    parser.add_argument("--results", type=Path, help="append the result to this file of JSON lines")
    asked = parser.parse_args()
    stop_cleanly()
    found = in_process(asked.cells) if asked.in_process else through_kafka(asked.cells)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps(note(asked.results, "dashboard", **found, own_peak_mb=peak), indent=1))


if __name__ == "__main__":
    main()
