"""Microseconds an event of each step, without Kafka: `python -m benchmarks.steps [--events N] [--chunk N]`.

The code is the worker's own, called as the worker calls it, on the load of one journal partition: aiokafka's reader,
the intake's packer, the journal's records, the fold over a real store. CPU time of the one thread, so a busy machine
matters little; what RocksDB does in threads of its own comes apart. The overages in the end are judged.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from agents.intake.catalog_follower import KnownCatalog
from agents.intake.cloudevents import opened
from agents.intake.journal_entries import Builder, OrderBuilder, pack
from agents.intake.packing import Packer
from agents.intake.usage_lane import TURN_RECORDS
from agents.intake.usage_reader import UsageReader
from agents.intake.validation_cache import ValidationCache
from agents.intake.workspace_map import WorkspaceEntry
from benchmarks.load import Load, wrong_keys
from meter.batch.store import Store
from meter.cli.worker import tune_collector
from meter.rules.billing_days import zone
from meter.rules.fold.fold import Fold
from schemas import journal
from schemas.catalog import Catalog, catalog_json, load_catalog
from schemas.journal import Named, Opening, OrderEntry
from schemas.orders import canonical, order_from_json
from tables.partition_state import PartitionState

HORIZON_DAYS = 35
PARTITIONS = 4
#: As large as the batches of the race's input.
BATCH_BYTES = 65_536
TITLES = {
    "fetch": "fetch: aiokafka's reader of batches (the socket not included)",
    "decode": "decode: msgspec",
    "check": "check: shape, time, limits, identity, evidence",
    "columns": "columns: sorted by journal partition",
    "pack": "pack: a journal record",
    "unpack": "unpack: a journal record",
    "identity": "identity: claimed or known",
    "fold": "fold: totals of cells",
    "outputs": "outputs: allocation, figures, overages, alerts",
    "balances": "outputs: balances at the chunk's end",
    "changelog": "changelog: rows packed",
    "store": "store: one WriteBatch",
}

Value = TypeVar("Value")


class Clock:
    """CPU seconds of this thread by step; a step inside another is taken out of it."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(TITLES, 0.0)

    def of(self, step: str, work: Callable[..., Value], *arguments: Any) -> Value:
        begun, inside = time.thread_time(), sum(self.seconds.values())
        value = work(*arguments)
        inside = sum(self.seconds.values()) - inside
        self.seconds[step] += time.thread_time() - begun - inside
        return value

    def wrapped(self, step: str, work: Callable[..., Value]) -> Callable[..., Value]:
        return lambda *arguments: self.of(step, work, *arguments)


class Bench:
    """One journal partition's load on its way through the steps."""

    def __init__(self, load: Load, directory: Path) -> None:
        self.load, self.clock = load, Clock()
        self.zone, self.now = zone("+00:00"), datetime.now(UTC)
        self.now_ms = int(self.now.timestamp() * 1000)
        self.day = self.zone.day_of(self.now_ms * 1000)
        self.catalog = _catalog(load, directory)
        self.named = {
            workspace: Named(workspace, account, self.day)
            for account, workspaces in load.lists().items()
            for workspace in workspaces
        }
        self.state = PartitionState(Store(directory / "store"))
        self.fold = Fold(self.state, None)
        self.offset = 0
        self.last: dict[str, int] = {}
        self.outputs = self.output_bytes = self.changelog_bytes = 0

    def batches(self) -> Iterator[bytes]:
        """The load as Kafka stores it."""
        builder = _builder()
        for offset, line in enumerate(self.load.lines(self.now)):
            if builder.append(offset, self.now_ms, None, line, []) is None:
                yield bytes(builder.build())
                builder = _builder()
                builder.append(offset, self.now_ms, None, line, [])
        yield bytes(builder.build())

    def fetch(self, batches: Sequence[bytes]) -> list[Any]:
        read = self.clock.of("fetch", lambda: [record for batch in batches for record in _records(batch)])
        return list(read)

    def take_in(self, records: Sequence[Any], chunk: int) -> list[bytes]:
        """The intake's steps, a chunk at a time."""
        clock = self.clock
        clock.of("decode", lambda: [opened(record.value, record.headers) for record in records])
        built: list[Builder] = []
        lane = self._lane()
        for start in range(0, len(records), chunk):
            part = records[start : start + chunk]
            packer = Packer(lane, [])
            clock.of("check", lambda packer=packer, part=part: asyncio.run(_taken(packer, part)))
            built += [builder for _, builder in clock.of("columns", packer.packed, 0, self.now_ms)]
        clock.seconds["check"] -= clock.seconds["decode"]  # the packer decodes too
        return clock.of("pack", lambda: [record for builder in built for record in pack([builder])])

    def _lane(self) -> Any:
        directory = {workspace: WorkspaceEntry(named, 0, 0) for workspace, named in self.named.items()}
        reader = UsageReader(self.catalog, self.zone, HORIZON_DAYS)
        known = SimpleNamespace(
            known=directory.get,
            known_all=lambda names: list(map(directory.get, names)),
            partition_of=lambda account: 0,
        )
        intake = SimpleNamespace(reader=reader, catalog=KnownCatalog(), directory=known)
        cache = ValidationCache()
        return SimpleNamespace(
            intake=intake,
            cache=lambda: cache,
            topic="usage",
            own=None,
            appended=lambda record: record.timestamp,
            received=lambda record: record.timestamp,
        )

    def open(self) -> None:
        """The opening, and every account's plan."""
        opening = Opening(
            "bench", "+00:00", self.catalog.currency, PARTITIONS, 3600, HORIZON_DAYS, catalog_json(self.catalog)
        )
        self.fold.fold(0, self.now_ms, opening)
        orders: list[Builder] = []
        for account, workspaces in self.load.lists().items():
            bought = {"order_id": "o-1", "account": account, "kind": "purchase", "plan": "half", "payments": []}
            order = order_from_json(json.dumps({**bought, "workspaces": workspaces}).encode())
            entry = OrderEntry(len(orders), self.now_ms, self.day, canonical(order, self.catalog.currency))
            listed = {workspace: self.named[workspace] for workspace in workspaces}
            orders.append(OrderBuilder("plan-purchases", 0, entry, listed))
        for record in pack(orders):
            self.offset += 1
            self.fold.fold(self.offset, self.now_ms, journal.decode(record))
        self._end_chunk(Clock())

    def fold_all(self, records: Sequence[bytes], a_chunk: int) -> None:
        """The meter's steps; `a_chunk` journal records are one transaction."""
        clock = self.clock
        self.state.claim = clock.wrapped("identity", self.state.claim)  # type: ignore[method-assign]
        end_record = self.fold._end_record
        ended = clock.wrapped("outputs", lambda: iter(list(end_record())))
        self.fold._end_record = ended  # type: ignore[method-assign]
        for number, value in enumerate(records, 1):
            decoded = clock.of("unpack", journal.decode, value)
            self.offset += 1
            clock.of("fold", self.fold.fold, self.offset, self.now_ms, decoded)
            if number % a_chunk == 0 or number == len(records):
                self._end_chunk(clock)

    def _end_chunk(self, clock: Clock) -> None:
        outputs = clock.of("balances", self.fold.finish)
        rows = clock.of("changelog", self.state.changes, self.offset)
        clock.of("store", self.state.committed, rows, self.offset)
        self.changelog_bytes += sum(len(key) + len(value or b"") for key, value in rows)
        for topic, _, value in outputs:
            self.outputs, self.output_bytes = self.outputs + 1, self.output_bytes + len(value)
            if topic == "overages":
                found = json.loads(value)
                self.last[f"{found['account']}/{found['workspace']}/{found['item']}"] = found["overage"]

    def wrong(self) -> int:
        return len(wrong_keys(self.load.overages(), self.last))


async def _taken(packer: Packer, records: Sequence[Any]) -> None:
    """Take records in pieces, as a lane does."""
    for start in range(0, len(records), TURN_RECORDS):
        await packer.take(records[start : start + TURN_RECORDS])


def _catalog(load: Load, directory: Path) -> Catalog:
    path = directory / "catalog.toml"
    path.write_text(load.catalog())
    return load_catalog(path)


def _builder() -> Any:
    return DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=BATCH_BYTES,
    )


def _records(batches: bytes) -> Iterator[Any]:
    read = MemoryRecords(batches)
    while (batch := read.next_batch()) is not None:
        yield from batch


def measure(load: Load, chunk: int, a_chunk: int, directory: Path) -> None:
    """All steps, and the table of what they cost."""
    bench = Bench(load, directory)
    batches = list(bench.batches())
    bench.open()
    before, mine = time.process_time(), time.thread_time()
    records = bench.fetch(batches)
    packed = bench.take_in(records, chunk)
    bench.fold_all(packed, a_chunk)
    others = time.process_time() - before - (time.thread_time() - mine)
    print("| step | µs an event |\n|---|---|")
    for step, title in TITLES.items():
        print(f"| {title} | {bench.clock.seconds[step] / load.events * 1e6:.2f} |")
    print(f"| all of these | {sum(bench.clock.seconds.values()) / load.events * 1e6:.2f} |")
    print(f"| RocksDB's own threads | {others / load.events * 1e6:.2f} |")
    size = sum(map(len, packed))
    print(
        f"\n{load.events:,} events in {len(packed)} journal records of {size // len(packed):,} bytes; an event: "
        f"journal {size / load.events:.0f} bytes, changelog {bench.changelog_bytes / load.events:.0f}, outputs "
        f"{bench.outputs / load.events:.3f} of {bench.output_bytes // max(1, bench.outputs)} bytes each; "
        f"{bench.wrong()} overages wrong"
    )
    if bench.wrong():
        raise SystemExit("figures are wrong")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=250_000)
    parser.add_argument("--workspaces", type=int, default=500)
    parser.add_argument("--accounts", type=int, default=125)
    parser.add_argument("--repeats", type=float, default=0.01)
    parser.add_argument("--chunk", type=int, default=9_000, help="events that become one journal record")
    parser.add_argument("--journal-records", type=int, default=4, help="of them in one transaction of the meter")
    given = parser.parse_args()
    tune_collector()  # as in a worker
    load = Load(given.events, given.workspaces, given.accounts, given.repeats)
    with tempfile.TemporaryDirectory() as directory:
        measure(load, given.chunk, given.journal_records, Path(directory))


if __name__ == "__main__":
    main()
