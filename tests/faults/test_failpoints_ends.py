"""A worker dies while it opens a journal and announces a catalog, and while it lets its partitions go."""

import time
from pathlib import Path
from random import Random

import pytest

from schemas.catalog import load_catalog
from schemas.journal import CatalogVersion, Opening, decode
from tests.end_to_end.kafka import JOURNAL, wait_until
from tests.end_to_end.test_catalog import with_version
from tests.end_to_end.workers import READY_SECONDS, Meter
from tests.faults import points
from tests.faults.killing import die, slices, start_to_die
from tests.faults.load import Load, load, settings
from tests.faults.verdict import back_to_zero_lag, judged
from tests.meters import StartMeter
from tests.oracle_catalog import of_product
from tests.oracle_reading import Settings

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

PARTITIONS = 4
EVENTS = 600


def test_a_worker_may_die_while_it_opens_the_journal_and_announces_a_version(
    new_meter: StartMeter, seed: int, rng: Random, tmp_path: Path
) -> None:
    later = tmp_path / "later.toml"
    later.write_text(with_version("2099-01-01"), encoding="utf-8")
    meter = new_meter(Settings(settings().zone, of_product(load_catalog(later))))
    for failpoint in points.OPENING:
        if failpoint.startswith("announcing"):
            meter.variables["METER_CATALOG"] = str(later)
        nth = rng.randint(1, PARTITIONS - 1) if failpoint == "opening.copied" else 1
        die(start_to_die(meter, failpoint, nth), failpoint)
    meter.start()
    feeding = Load(meter.kafka, load(seed, meter.settings, accounts=8, events=EVENTS).steps).join()
    back_to_zero_lag(meter)
    judged(meter, feeding)
    assert len(openings(meter)) == 1
    assert announced(meter) == set(range(PARTITIONS))


def openings(meter: Meter) -> set[str]:
    """The ids under which partitions were opened."""
    firsts = [record for record in meter.kafka.read(JOURNAL) if record.offset() == 0]
    assert len(firsts) == PARTITIONS
    found = [decode(record.value() or b"") for record in firsts]
    return {each.meter_id if isinstance(each, Opening) else "not opened" for each in found}


def announced(meter: Meter) -> set[int | None]:
    """The partitions that hold the version."""
    records = [(record.partition(), decode(record.value() or b"")) for record in meter.kafka.read(JOURNAL)]
    return {partition for partition, entry in records if isinstance(entry, CatalogVersion)}


def test_a_worker_may_die_while_it_lets_its_partitions_go(new_meter: StartMeter, seed: int, rng: Random) -> None:
    meter = new_meter(settings())
    fed = None
    steps = load(seed, meter.settings, accounts=8, events=EVENTS).steps
    for failpoint, part in zip(points.LETTING_GO, slices(steps, len(points.LETTING_GO)), strict=True):
        worker = start_to_die(meter, failpoint, rng.randint(1, PARTITIONS))
        # On a busy machine its session may end before, and it lets go then.
        wait_until("it is ready, or dead", lambda: not worker.alive() or worker.ready(), READY_SECONDS, meter.logs)  # noqa: B023 # waits here
        fed = Load(meter.kafka, part, pace=200, before=fed)
        time.sleep(rng.uniform(0.2, 1.0))
        worker.process.terminate()
        die(worker, failpoint)
        fed.join()
    meter.start()
    back_to_zero_lag(meter)
    judged(meter, fed)
