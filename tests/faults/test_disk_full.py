"""A full disk under the data directory: the worker stops and says so, and goes on rightly when there is room again."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.workers import Meter, Worker
from tests.faults.killing import slices
from tests.faults.load import Load, load, settings
from tests.faults.spoiling import refused
from tests.faults.verdict import back_to_zero_lag, judged
from tests.meters import StartMeter

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

WRITE_THROUGH = {"KEEP_STORE": "1"}
DISK = "8m"
FULL = "no room is left"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "none", str(place)], capture_output=True)
    if done.returncode:
        pytest.skip(f"a small file system needs the right to mount one: {done.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path) -> Path:
    """Takes all the room there is."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4_096))
        except OSError:
            return ballast


def start(meter: Meter, disk: Path) -> Worker:
    return meter.start("a", "tests.faults.worker", METER_DATA_DIR=str(disk / "a"), **WRITE_THROUGH)


def test_a_full_disk_stops_the_worker_and_room_lets_it_go_on(new_meter: StartMeter, disk: Path, seed: int) -> None:
    meter = new_meter(settings())
    parts = slices(load(seed, meter.settings, events=1_500).steps, 3)
    worker = start(meter, disk).wait_ready()
    feeding = Load(meter.kafka, parts[0]).join()
    back_to_zero_lag(meter)
    ballast = fill(disk)
    feeding = Load(meter.kafka, parts[1], before=feeding).join()
    refused(worker, FULL)
    refused(start(meter, disk), FULL)
    ballast.unlink()
    worker = start(meter, disk)
    feeding = Load(meter.kafka, parts[2], before=feeding).join()
    back_to_zero_lag(meter)
    judged(meter, feeding)
    assert "moving it aside" not in worker.own_log(), "what was on the disk is still good"
    fill(disk)
    assert worker.stop() == 0
