"""The local store is a cache: lost, cut, flipped, old or somebody else's, it costs a restore and never a figure."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.end_to_end.workers import Meter, Worker
from tests.faults.killing import slices
from tests.faults.load import Load, load, settings
from tests.faults.spoiling import cut, deleted, emptied, flipped, riddled, start_refused, stores
from tests.faults.verdict import back_to_zero_lag, judged
from tests.meters import StartMeter

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

#: Rows reach the disk in files this small, so that a small load makes many of them.
SMALL = {"MEMTABLE_BYTES": str(64 << 10)}
ASIDE = "moving it aside and restoring it"
#: What may happen to the four stores of a worker while it is down, twice; and whether it must find that out at once.
FAULTS: tuple[tuple[tuple[Callable[[Path, Random], None], bool], ...], ...] = (
    ((deleted, False), (cut("*.sst"), True), (cut("MANIFEST-*"), False), (emptied("CURRENT"), True)),
    ((flipped("*.sst"), False), (riddled, True), (flipped("MANIFEST-*"), False), (emptied("*.sst"), True)),
)
HOLDS_OPEN = "import sys, rocksdict; db = rocksdict.Rdict(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


def started(meter: Meter, name: str = "a") -> Worker:
    """A worker whose stores reach the disk."""
    return meter.start(name, "tests.faults.worker", **SMALL)


def gone(worker: Worker, rng: Random) -> None:
    """Stopped or killed: a store is closed, or a part of it."""
    if rng.random() < 0.5:
        worker.kill()
    else:
        assert worker.stop() == 0


def test_a_spoiled_store_is_rebuilt_and_never_believed(new_meter: StartMeter, seed: int, rng: Random) -> None:
    meter = new_meter(settings())
    parts = slices(load(seed, meter.settings, events=2_000).steps, len(FAULTS) + 1)
    worker = started(meter)
    feeding = Load(meter.kafka, parts[0]).join()
    back_to_zero_lag(meter)
    for faults, part in zip(FAULTS, parts[1:], strict=True):
        assert worker.stop() == 0  # so that there are files
        spoiled = list(zip(stores(meter), rng.sample(faults, len(faults)), strict=True))
        for store, (fault, _) in spoiled:
            print(f"{store.name}: {fault.__name__}")
            fault(store, rng)
        worker = started(meter)
        feeding = Load(meter.kafka, part, before=feeding).join()
        back_to_zero_lag(meter)
        worker.wait_ready()  # a partition without a record is taken when it likes
        for store, (fault, noticed) in spoiled:
            logged = re.search(rf"store {store.name} (cannot be read|is damaged)", worker.own_log())
            assert logged or not noticed, f"{store.name}, {fault.__name__}: {worker.log_tail()}"
    judged(meter, feeding)
    assert worker.stop() == 0


def test_a_store_that_breaks_under_a_running_worker_is_rebuilt(new_meter: StartMeter, seed: int, rng: Random) -> None:
    meter = new_meter(settings())
    parts = slices(load(seed, meter.settings).steps, 3)
    worker = started(meter)
    feeding = Load(meter.kafka, parts[0]).join()
    back_to_zero_lag(meter)
    for part in parts[1:]:
        for store in stores(meter):
            riddled(store, rng)
        feeding = Load(meter.kafka, part, before=feeding).join()
        back_to_zero_lag(meter)
    assert "is damaged" in worker.own_log(), worker.log_tail()
    judged(meter, feeding)
    assert worker.stop() == 0


def test_a_store_of_yesterday_or_of_another_is_no_store_of_today(new_meter: StartMeter, seed: int, rng: Random) -> None:
    meter, other = new_meter(settings()), new_meter(settings())
    parts = slices(load(seed, meter.settings, events=2_000).steps, 4)
    worker = started(meter)
    feeding = Load(meter.kafka, parts[0]).join()
    back_to_zero_lag(meter)
    assert worker.stop() == 0
    yesterday = meter.directory / "yesterday"
    shutil.copytree(meter.directory / "a", yesterday)
    worker = started(meter)
    feeding = Load(meter.kafka, parts[1], before=feeding).join()
    back_to_zero_lag(meter)
    gone(worker, rng)
    replaced(meter, yesterday)
    worker = started(meter)
    feeding = Load(meter.kafka, parts[2], before=feeding).join()
    back_to_zero_lag(meter)
    assert ASIDE not in worker.own_log(), "what is only behind is brought up to date"
    assert worker.stop() == 0
    last, *others = reversed(stores(meter))  # each partition has its neighbour's
    last.rename(last.with_name("last"))
    for store in others:
        store.rename(last)
        last = store
    last.with_name("last").rename(last)
    other_worker = started(other).wait_ready()
    assert other_worker.stop() == 0
    worker = started(meter)
    back_to_zero_lag(meter)
    assert worker.wait_ready().own_log().count("belongs to Stamp") == len(stores(meter))
    gone(worker, rng)
    replaced(meter, other.directory / "a")
    worker = started(meter)
    feeding = Load(meter.kafka, parts[3], before=feeding).join()
    back_to_zero_lag(meter)
    worker.wait_ready()  # a partition without a record is taken when it likes
    assert worker.own_log().count("belongs to Stamp") == len(stores(meter)) + 1  # the table of workspaces too
    judged(meter, feeding)
    assert worker.stop() == 0


def replaced(meter: Meter, by: Path) -> None:
    """The data directory of the meter's worker is that one now."""
    shutil.rmtree(meter.directory / "a")
    shutil.copytree(by, meter.directory / "a")


def test_a_store_that_another_process_holds_is_left_alone(new_meter: StartMeter, seed: int) -> None:
    meter = new_meter(settings())
    parts = slices(load(seed, meter.settings, events=800).steps, 2)
    first = meter.start().wait_ready()
    start_refused(meter, "is in use by another worker; give each its own METER_DATA_DIR")
    feeding = Load(meter.kafka, parts[0]).join()
    back_to_zero_lag(meter)
    assert first.stop() == 0
    store = stores(meter)[1]
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDS_OPEN, str(store)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        start_refused(meter, f"the store {store} is open already; give each worker its own METER_DATA_DIR")
    meter.start()
    feeding = Load(meter.kafka, parts[1], before=feeding).join()
    back_to_zero_lag(meter)
    assert ASIDE not in meter.logs(), "no store was set aside and restored"
    judged(meter, feeding)
