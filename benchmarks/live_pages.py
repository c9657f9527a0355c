"""How long a committed change takes into the page of a person who looks on: 10,000 workspaces, 100 changes a second.

50 pages are open, each of another account: one in Chromium, which is measured (from the commit of the dashboard's file
to the DOM), five that read nothing, the rest as fast as they get it. Kafka's part is in `benchmarks.dashboard`.
"""

import argparse
import asyncio
import multiprocessing
import random
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from tests.dashboard.browser.conftest import ARGUMENTS, chromium
from tests.dashboard.live_board import Board, figures
from tests.dashboard.page_models import MILLION

ACCOUNTS, WORKSPACES, PAGES, FROZEN = 500, 20, 50, 5
QUOTA = 10 * MILLION
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

    def records(self, account: int, day: str, raised: int = 0) -> Any:
        """What is published after the first workspace of an account reported."""
        used = self._used[account]
        used["w0"] += raised
        return figures(f"a{account}", day, "logs", QUOTA, used, "w0")

    def first(self, account: int) -> int:
        """The usage of the first workspace of an account."""
        return self._used[account]["w0"]


async def reader(port: int, account: int, day: str, frozen: bool) -> None:
    """A page that is open: it reads, or it does not."""
    reads, writes = await asyncio.open_connection("127.0.0.1", port)
    path = f"/accounts/a{account}/days/{day}.events"
    writes.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    await writes.drain()
    while frozen or await reads.read(65_536):
        if frozen:
            await asyncio.sleep(3600)


def readers(port: int, day: str) -> None:
    """All pages but the measured one: a process of their own."""

    async def run() -> None:
        await asyncio.gather(*(reader(port, account, day, account <= FROZEN) for account in range(1, PAGES)))

    asyncio.run(run())


def changes(board: Board, usages: Usages, rate: int, seconds: float, published: list[tuple[int, float]]) -> None:
    """Changes at a rate, spread over the accounts whose pages are open."""
    chosen = random.Random(1)
    begun = time.monotonic()
    for number in range(int(rate * seconds)):
        account = chosen.randrange(PAGES)
        board.feed(*usages.records(account, board.today, 1_000))
        if account == 0:
            published.append((usages.first(0), time.time() * 1000))
        time.sleep(max(0.0, begun + (number + 1) / rate - time.monotonic()))


def latencies(published: list[tuple[int, float]], seen: list[list[float]]) -> list[float]:
    """From each commit to the first picture that has it or a later one (ms)."""
    return [next(at for value, at in seen if value >= wanted) - since for wanted, since in published]


def resident_bytes() -> int:
    """Memory of this process."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096


def measured(rate: int, seconds: float) -> dict[str, Any]:
    """One run."""
    from playwright.sync_api import sync_playwright

    usages = Usages()
    with tempfile.TemporaryDirectory() as directory, Board(Path(directory)) as board, sync_playwright() as playwright:
        for account in range(ACCOUNTS):
            board.feed(*usages.records(account, board.today))
        others = multiprocessing.get_context("spawn").Process(
            target=readers, args=(board.settings.dashboard_port, board.today), daemon=True
        )
        others.start()
        path = chromium()
        assert path is not None, "there is no Chromium: apt-get install chromium"
        with playwright.chromium.launch(executable_path=path, args=ARGUMENTS) as browser:
            page = browser.new_page()
            page.goto(f"{board.address}/accounts/a0/days/{board.today}")
            page.wait_for_selector('[data-live="on"]')
            page.evaluate(WATCH)
            board.until("every page is open", lambda: board.streams() == PAGES)
            published: list[tuple[int, float]] = []
            feeding = threading.Thread(target=changes, args=(board, usages, rate, seconds, published))
            before, begun = resident_bytes(), time.monotonic()
            feeding.start()
            while feeding.is_alive():
                page.wait_for_timeout(200)
            took = time.monotonic() - begun
            page.wait_for_selector(f'#w-logs-w0 data[value="{usages.first(0)}"]')
            after = resident_bytes()
            others.terminate()
            found = sorted(latencies(published, page.evaluate("seen")))
    return {
        "rate": rate * seconds / took,
        "p50": statistics.median(found),
        "p95": found[int(len(found) * 0.95)],
        "most": found[-1],
        "changes": len(found),
        "grown": (after - before) >> 20,
    }


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=100, help="changes a second, over all accounts")
    parser.add_argument("--seconds", type=float, default=30.0)
    found = measured(**vars(parser.parse_args()))
    print(
        f"{found['rate']:.0f} changes a second, {PAGES} pages ({FROZEN} of them read nothing), "
        f"{ACCOUNTS * WORKSPACES:,} workspaces: commit to DOM p50 {found['p50']:.0f} ms, p95 {found['p95']:.0f} ms, "
        f"most {found['most']:.0f} ms ({found['changes']} changes); memory grew by {found['grown']} MiB"
    )


if __name__ == "__main__":
    main()
