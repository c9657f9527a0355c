"""How long a committed change takes into the page of a person who looks on: 10,000 workspaces, 100 changes a second.

A dashboard process at a broker of its own reads records as a meter publishes them: every change is a transaction of its
own, of an account's balance and of the overages that it moves. 50 pages are open, each of another account: one in
Chromium, which is measured (from Kafka's answer to the commit to the DOM), five that read nothing, the rest as fast as
they get it. Memory is that of the dashboard's process, over the run.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from confluent_kafka import Producer

from benchmarks.dashboard import PARTITIONS, PORT, PREFIX, ZONE, make_topics, started
from benchmarks.noted import note
from benchmarks.own_broker import own_broker, say, stop_cleanly
from meter.dashboard.ingest.feed import KEPT, SLACK
from meter.dashboard.ingest.published import Published
from meter.kafka.partitioner import partition_of
from tests.dashboard.browser.conftest import ARGUMENTS, chromium
from tests.dashboard.live_board import figures
from tests.dashboard.page_models import MILLION

ACCOUNTS, WORKSPACES, PAGES, FROZEN = 500, 20, 50, 5
QUOTA = 10 * MILLION
#: Changes of each open account before a page is opened: what a day's feed keeps, so that memory is that of a busy day.
FILLED = KEPT + SLACK
#: Producers that commit changes beside each other: one waits for Kafka while the others go on.
PRODUCERS = 4
WATCH = """() => {
  window.seen = [];
  let last = '';
  new MutationObserver(() => {
    const value = document.querySelector('#w-logs-w0 td data').value;
    if (value !== last) { last = value; seen.push([Number(value), Date.now()]); }
  }).observe(document.getElementById('main'), { subtree: true, childList: true, attributes: true });
}"""


class Usages:
    """What each account has used; every change raises it."""

    def __init__(self) -> None:
        self._used = [dict.fromkeys((f"w{place}" for place in range(WORKSPACES)), MILLION) for _ in range(ACCOUNTS)]

    def records(self, account: int, day: str, raised: int = 0) -> list[Published]:
        """What is published after the first workspace of an account reported."""
        used = self._used[account]
        used["w0"] += raised
        return figures(f"a{account}", day, "logs", QUOTA, used, "w0")

    def first(self, account: int) -> int:
        """The usage of the first workspace of an account."""
        return self._used[account]["w0"]


class Publisher:
    """A meter's way into Kafka: transactions."""

    def __init__(self, broker: str, number: int) -> None:
        names = {"bootstrap.servers": broker, "transactional.id": f"live-{number}"}
        self._producer = Producer({**names, "linger.ms": 0, "log_level": 0})
        self._producer.init_transactions(60)

    def commit(self, account: int, records: Iterable[Published]) -> None:
        """Publish an account's records; Kafka has answered the commit when this returns."""
        self._producer.begin_transaction()
        for each in records:
            partition = partition_of(f"a{account}", PARTITIONS)
            self._producer.produce(PREFIX + each.topic, each.value, each.key, partition=partition)
        self._producer.commit_transaction(60)


async def reader(account: int, day: str, frozen: bool) -> None:
    """A page that is open: it reads, or it does not."""
    reads, writes = await asyncio.open_connection("127.0.0.1", PORT)
    path = f"/accounts/a{account}/days/{day}.events"
    writes.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    await writes.drain()
    while frozen or await reads.read(65_536):
        if frozen:
            await asyncio.sleep(3600)


def readers(day: str) -> None:
    """All pages but the measured one: a process of their own."""

    async def run() -> None:
        await asyncio.gather(*(reader(account, day, account <= FROZEN) for account in range(1, PAGES)))

    asyncio.run(run())


def changes(
    publisher: Publisher,
    number: int,
    usages: Usages,
    day: str,
    rate: float,
    seconds: float,
    committed: list[tuple[int, float]],
) -> None:
    """One producer's share of the changes, spread over its accounts among those whose pages are open."""
    chosen, mine = random.Random(number), range(number, PAGES, PRODUCERS)
    begun = time.monotonic()
    for done in range(int(rate * seconds / PRODUCERS)):
        account = chosen.choice(mine)
        publisher.commit(account, usages.records(account, day, 1_000))
        if account == 0:
            committed.append((usages.first(0), time.time() * 1000))
        time.sleep(max(0.0, begun + (done + 1) * PRODUCERS / rate - time.monotonic()))


def latencies(published: list[tuple[int, float]], seen: list[list[float]]) -> list[float]:
    """From each commit to the first picture that has it or a later one (ms); 0 where the page was quicker to say so."""
    return [max(0.0, next(at for value, at in seen if value >= wanted) - since) for wanted, since in published]


class Use(NamedTuple):
    """What a process has taken: CPU seconds, and bytes of memory now."""

    cpu: float
    memory: int

    @classmethod
    def of(cls, pid: int) -> "Use":
        times = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
        return cls((int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK"), int(pages) * 4096)


def measured(rate: float, seconds: float) -> dict[str, Any]:
    """One run."""
    path = chromium()
    assert path is not None, "there is no Chromium: apt-get install chromium"
    usages, day = Usages(), time.strftime("%Y-%m-%d", time.gmtime())
    with own_broker() as (broker, _), tempfile.TemporaryDirectory() as directory:
        make_topics(broker)
        publishers = [Publisher(broker, number) for number in range(PRODUCERS)]
        for account in range(ACCOUNTS):
            changed = FILLED if account < PAGES else 1
            every = (usages.records(account, day, 1_000) for _ in range(changed))
            publishers[0].commit(account, chain.from_iterable(every))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("METER_")}
        environment |= {"METER_BROKER": broker, "METER_TOPIC_PREFIX": PREFIX, "METER_DATA_DIR": directory}
        environment |= {"METER_DASHBOARD_PORT": str(PORT), "METER_BILLING_TIME_ZONE": ZONE}
        dashboard = started(environment, until="/ready").process
        others = multiprocessing.get_context("spawn").Process(target=readers, args=(day,), daemon=True)
        others.start()
        try:
            say(f"{rate:.0f} changes a second for {seconds:.0f} s")
            return _looked_on(path, publishers, usages, day, rate, seconds, dashboard.pid)
        finally:
            others.terminate()
            dashboard.terminate()
            dashboard.wait()


def _looked_on(
    path: str, publishers: list[Publisher], usages: Usages, day: str, rate: float, seconds: float, pid: int
) -> dict[str, Any]:
    from playwright.sync_api import sync_playwright

    committed: list[tuple[int, float]] = []
    feeding = [
        threading.Thread(target=changes, args=(each, number, usages, day, rate, seconds, committed))
        for number, each in enumerate(publishers)
    ]
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=path, args=ARGUMENTS) as browser:
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{PORT}/accounts/a0/days/{day}")
        page.wait_for_selector('[data-live="on"]')
        page.evaluate(WATCH)
        before, begun = Use.of(pid), time.monotonic()
        memory = [before.memory]
        for thread in feeding:
            thread.start()
        while any(thread.is_alive() for thread in feeding):
            page.wait_for_timeout(1_000)
            memory.append(Use.of(pid).memory)
        took, after = time.monotonic() - begun, Use.of(pid)
        page.wait_for_selector(f'#w-logs-w0 data[value="{usages.first(0)}"]', timeout=60_000)
        found = sorted(latencies(committed, page.evaluate("seen")))
    quarters = [memory[(len(memory) - 1) * place // 4] for place in range(5)]
    return {
        "seconds": round(took, 1),
        "rate": round(rate * seconds / took, 1),
        "p50_ms": round(statistics.median(found)),
        "p95_ms": round(found[int(len(found) * 0.95)]),
        "most_ms": round(found[-1]),
        "changes_measured": len(found),
        "cpu_of_a_core": round((after.cpu - before.cpu) / took, 2),
        "memory_mb_by_quarters": [round(each / 1e6, 1) for each in quarters],
    }


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=100.0, help="changes a second, over all accounts")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--results", type=Path, help="append the result to this file of JSON lines")
    asked = parser.parse_args()
    stop_cleanly()
    print(json.dumps(note(asked.results, "live_pages", **measured(asked.rate, asked.seconds)), indent=1))


if __name__ == "__main__":
    main()
