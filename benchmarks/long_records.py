"""What one long journal record costs, without Kafka: `python -m benchmarks.long_records [--size FRACTION] [NAME…]`.

Each world is made of journal records as the intake packs them, folded over a real store as a worker folds them. Told
are seconds of CPU for the records in question, and the longest stretch (wall clock) in which nobody else gets a turn.
"""

import argparse
import json
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from agents.intake.journal_entries import BindingBuilder, Builder, Events, OrderBuilder, UsageBuilder, pack
from agents.intake.journal_writer import next_record
from agents.intake.usage_reader import ParsedUsage
from agents.intake.validation_cache import ValidationCache, number_of
from agents.intake.workspace_map import WorkspaceEntry
from meter.batch.store import Store
from meter.cli.worker import tune_collector
from meter.rules.billing_days import parse_day, parse_time
from meter.rules.fold.closing import SLICE_ITEMS
from meter.rules.fold.fold import Fold
from schemas import journal
from schemas.catalog import catalog_json, load_catalog
from schemas.columns import ints
from schemas.journal import DayClosed, Named, Opening, OrderEntry, identities, name_prefix
from schemas.orders import canonical, order_from_json
from tables.partition_state import PartitionState

DAY, NOW = parse_day("2026-01-31"), parse_time("2026-01-31T08:00:00Z")
ITEMS = {"logs": 14, "traces": 7, "pv": 7, "datakit": 0, "triggers": 0, "sms": 0, "api_calls": 0, "backup_logs": 0}
A_CHUNK = 4


class World:
    """One journal partition."""

    def __init__(self, directory: Path) -> None:
        self.catalog = load_catalog(Path(__file__).parents[1] / "meter" / "catalog.toml")
        self.state = PartitionState(Store(directory / "store"))
        self.fold = Fold(self.state, None)
        self.offset, self.events, self.orders_sent = -1, 0, 0
        self.directory: dict[str, WorkspaceEntry] = {}
        self.cpu = self.longest = 0.0
        self.outputs = self.output_bytes = self.rows = self.records = 0
        self.append(Opening("m", "+00:00", "CNY", 1, 3600, 35, catalog_json(self.catalog), NOW // 1000))

    def bind(self, workspaces: Sequence[str], account: Callable[[int], str]) -> list[Builder]:
        for number, name in enumerate(workspaces):
            self.directory[name] = WorkspaceEntry(Named(name, account(number), DAY), 0, 0)
        return [
            BindingBuilder("workspaces", 0, number, NOW // 1000, self.directory[name].named)
            for number, name in enumerate(workspaces)
        ]

    def use(self, workspaces: Sequence[str], items: Sequence[str], quantity: int = 1000) -> list[Builder]:
        cache = ValidationCache()
        kinds = [
            cache.add_kind(ParsedUsage("", item, ITEMS[item], DAY, False, quantity, NOW, "s", ""), 0) for item in items
        ]
        homes = [cache.add_entry(name, self.directory[name], 0) for name in workspaces]
        number = ints([number_of(home, kind) for home in homes for kind in kinds])
        ids = [f"{self.events + each:012x}" for each in range(len(number))]
        self.events += len(ids)
        prefix, source, of_each = cache.prefixes, name_prefix("s"), len(items)
        names = b"".join(
            identities([prefix[each // of_each] + source + ids[each].encode() for each in range(len(ids))])
        )
        same = ints([NOW]).repeat(len(ids))
        places = np.arange(len(ids))
        events = Events(number, ints([quantity]).repeat(len(ids)), same, places, places * 0, ids, names, ["s"])
        return [UsageBuilder("usage", 0, NOW // 1000, cache, events)]

    def order(self, account: str, **fields: object) -> Builder:
        self.orders_sent += 1
        content = {"order_id": f"o-{self.orders_sent}", "account": account, "payments": [], **fields}
        order = order_from_json(json.dumps(content).encode())
        entry = OrderEntry(self.orders_sent, NOW // 1000, DAY, canonical(order, "CNY"))
        listed = {name: self.directory[name].named for name in getattr(order, "workspaces", ())}
        return OrderBuilder("plan-purchases", 0, entry, listed)

    def cash(self, account: str, amount: str = "100000000.00") -> Builder:
        return self.order(account, kind="top_up", method="cash", amount=amount)

    def take(self, builders: Sequence[Builder]) -> None:
        waiting = deque((builder, None) for builder in builders)
        number = 0
        while waiting:
            for value in pack(next_record(waiting)[0]):
                self.append(journal.decode(value), commit=False)
                number += 1
                if number % A_CHUNK == 0 or self.fold.emitted_bytes >= 4 << 20:
                    self.commit()
        self.commit()

    def close(self, day: int) -> None:
        """Slice after slice, as a worker would."""
        while (facts := self.fold.known()).closed_through < day:
            self.append(DayClosed(day, facts.closing, SLICE_ITEMS))

    def append(self, record: journal.JournalRecord, commit: bool = True) -> None:
        self.offset += 1
        self.records += 1
        self._timed(lambda: self._turns(record))
        if commit:
            self.commit()

    def _turns(self, record: journal.JournalRecord) -> Iterator[None]:
        folding = getattr(self.fold, "folding", None)
        if folding is None:
            self.fold.fold(self.offset, NOW // 1000 + 90_000_000, record)
        else:
            yield from folding(self.offset, NOW // 1000 + 90_000_000, record)

    def _timed(self, work: Callable[[], Iterator[None]]) -> None:
        cpu, begun = time.thread_time(), time.perf_counter()
        for _ in work():
            now = time.perf_counter()
            self.longest = max(self.longest, now - begun)
            begun = now
        self.longest = max(self.longest, time.perf_counter() - begun)
        self.cpu += time.thread_time() - cpu

    def commit(self) -> None:
        self._timed(self._commit)

    def _commit(self) -> Iterator[None]:
        outputs = self.fold.finish()
        yield
        self.state.put_facts(self.fold.known())
        rows = self.state.changes(self.offset)
        yield
        self.state.committed(rows, self.offset)
        self.outputs += len(outputs)
        self.output_bytes += sum(len(value) for *_, value in outputs)
        self.rows += sum(len(key) + len(value or b"") for key, value in rows)

    def measured(self, what: str, work: Callable[[], None]) -> None:
        self.cpu = self.longest = 0.0
        self.outputs = self.output_bytes = self.rows = self.records = 0
        work()
        print(
            f"| {what} | {self.records} | {self.cpu:.2f} | {self.longest * 1000:.0f} | {self.outputs:,} | "
            f"{self.output_bytes / 1e6:.1f} | {self.rows / 1e6:.1f} |",
            flush=True,
        )


def names(count: int, prefix: str = "w") -> list[str]:
    return [f"wksp_{prefix}{number}" for number in range(count)]


def _one_account(number: int) -> str:
    return "acct"


def _in_pairs(number: int) -> str:
    return f"acct_{number // 2}"


def bindings(world: World, size: float) -> None:
    """6,000 new workspaces of an account in which 15,000 have usage of 7 items."""
    here, new, items = names(int(15_000 * size)), names(int(6_000 * size), "n"), list(ITEMS)[:7]
    one = _one_account
    world.take(world.bind(here, one))
    world.measured(f"{len(here):,} workspaces x 7 items", lambda: world.take(world.use(here, items)))
    world.measured(f"{len(new):,} new workspaces bound", lambda: world.take(world.bind(new, one)))
    world.measured("their usage of 7 items", lambda: world.take(world.use(new, items)))
    world.measured("one event", lambda: world.take(world.use(here[:1], ["logs"])))


def orders(world: World, size: float) -> None:
    """48,000 orders at once, each of its own account."""
    count = int(48_000 * size)
    listed = names(2 * count)
    account = _in_pairs
    world.take(world.bind(listed, account))
    world.take([world.cash(f"acct_{number}", "42000.00") for number in range(count)])
    pay = [{"method": "cash", "amount": "42000.00"}]
    buy = [
        world.order(f"acct_{n}", kind="purchase", plan="startup", workspaces=listed[2 * n : 2 * n + 2], payments=pay)
        for n in range(count)
    ]
    world.measured(f"{count:,} purchases", lambda: world.take(buy))


def one_plan(world: World, size: float) -> None:
    """2,000 orders on one plan of 1,000 workspaces that have usage of 7 items."""
    listed, items = names(1_000), list(ITEMS)[:7]
    world.take(world.bind(listed, lambda _: "acct"))
    pay = [{"method": "cash", "amount": "42000.00"}]
    plan = world.order("acct", kind="purchase", plan="startup", workspaces=listed, payments=pay)
    world.take([world.cash("acct"), plan, *world.use(listed, items, 10**6)])
    pay = [{"method": "cash", "amount": "37.20"}]
    line = [{"item": "sms", "units": 1, "discount": "0.01"}]
    price = {"method": "cash", "amount": "37.20"}
    more = [
        world.order("acct", kind="add_traffic", plan_id="o-1", traffic=line, payments=[price])
        for _ in range(int(2_000 * size))
    ]
    world.measured(f"{len(more):,} orders on one plan", lambda: world.take(more))


def late(world: World, size: float) -> None:
    """A late record of a closed day in which the account has 20,000 cells."""
    here, items = names(int(2_500 * size)), list(ITEMS)
    world.take(world.bind(here, lambda _: "acct"))
    world.take(world.use(here, items))
    world.append(DayClosed(DAY - 1))
    world.measured(f"the close of {len(here) * 8:,} items", lambda: world.close(DAY))
    world.measured("one late record", lambda: world.take(world.use(here[:1], ["logs"])))
    world.measured("another late record", lambda: world.take(world.use(here[:1], ["logs"])))


def wide(world: World, size: float) -> None:
    """One account of 100,000 workspaces with usage of 5 items."""
    here, items = names(int(100_000 * size)), list(ITEMS)[:5]
    world.measured(f"{len(here):,} workspaces bound", lambda: world.take(world.bind(here, lambda _: "acct")))
    world.measured("their usage of 5 items", lambda: world.take(world.use(here, items)))
    world.measured("1,000 workspaces x 5 items again", lambda: world.take(world.use(here[:1000], items)))
    world.measured("one event", lambda: world.take(world.use(here[:1], ["logs"])))
    world.append(DayClosed(DAY - 1))
    world.measured("the day's close", lambda: world.close(DAY))
    world.measured("one late record", lambda: world.take(world.use(here[:1], ["logs"])))
    world.measured("another late record", lambda: world.take(world.use(here[:1], ["logs"])))


def lists(world: World, size: float) -> None:
    """Orders of 60 accounts at once, each for 1,000 workspaces that have usage of 8 items."""
    accounts, items = int(60 * size), list(ITEMS)
    here = names(1_000 * accounts)
    world.take(world.bind(here, lambda number: f"acct_{number // 1_000}"))
    world.measured(f"{len(here):,} workspaces x 8 items", lambda: world.take(world.use(here, items, 10**6)))
    world.take([world.cash(f"acct_{number}", "42000.00") for number in range(accounts)])
    pay = [{"method": "cash", "amount": "42000.00"}]
    buy = [
        world.order(
            f"acct_{n}", kind="purchase", plan="startup", workspaces=here[1_000 * n : 1_000 * (n + 1)], payments=pay
        )
        for n in range(accounts)
    ]
    world.measured(f"{accounts} purchases for 1,000 workspaces each", lambda: world.take(buy))


WORLDS = {"bindings": bindings, "orders": orders, "one-plan": one_plan, "lists": lists, "late": late, "wide": wide}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(WORLDS)}; all without one")
    parser.add_argument("--size", type=float, default=1.0, help="a part of the full size")
    given = parser.parse_args()
    tune_collector()
    print(
        "| what | records | CPU s | longest stretch ms | outputs | MB | changelog MB |\n|---|---|---|---|---|---|---|"
    )
    for name in given.names or WORLDS:
        with tempfile.TemporaryDirectory() as directory:
            WORLDS[name](World(Path(directory)), given.size)


if __name__ == "__main__":
    main()
