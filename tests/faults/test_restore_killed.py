"""A restore that is killed again and again: what had reached the disk it keeps, and goes on from there."""

import re
import shutil
from random import Random

import pytest

from tests.end_to_end.workers import Meter, Worker
from tests.faults.killing import KEEP, die, slices, start_to_die
from tests.faults.load import Load, load, settings
from tests.faults.verdict import back_to_zero_lag, judged
from tests.meters import StartMeter

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

CHANGELOG = "meter.changelog"
#: So that a changelog of thousands is restored in dozens of batches.
SMALL = {"RESTORE_RECORDS": "40"}
EVENTS = 12_000
APPLIED = re.compile(r"is ours: (\d+) changelog records applied")


def test_a_restore_killed_twice_goes_on_where_it_was_and_all_is_counted(
    new_meter: StartMeter, seed: int, rng: Random
) -> None:
    meter = new_meter(settings(), CHUNK_RECORDS="1")  # a transaction a journal record: a long changelog
    *first, second, third = slices(load(seed, meter.settings, events=EVENTS).steps, 5)
    worker = meter.start().wait_ready()
    fed = Load(meter.kafka, [step for part in first for step in part]).join()
    back_to_zero_lag(meter)
    assert worker.stop() == 0
    shutil.rmtree(meter.directory / "a" / "stores")
    batches = changelog_records(meter) // int(SMALL["RESTORE_RECORDS"])
    for part, (least, most), kept in ((second, (6, 8), KEEP), (third, (1, 2), {})):
        nth = rng.randint(batches * least // 10, batches * most // 10)
        worker = start_to_die(meter, "restore.batch-stored", nth, **SMALL, **kept)
        feeding = Load(meter.kafka, part, before=fed)
        die(worker, "restore.batch-stored")
        feeding.join()
    total, before = changelog_records(meter), len(meter.workers[-1].log_text())
    last = meter.start().wait_ready()
    assert 0 < applied(last, before) < total, "the last start applies what the killed ones had not written yet"
    back_to_zero_lag(meter)
    judged(meter, fed)


def changelog_records(meter: Meter) -> int:
    """How many records the changelog holds for those who restore from it."""
    return len(meter.kafka.read(CHANGELOG))


def applied(worker: Worker, before: int) -> int:
    """How many of them the worker's last start applied."""
    return sum(int(number) for number in APPLIED.findall(worker.log_text()[before:]))
