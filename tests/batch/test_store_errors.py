"""A shortage of the machine says nothing about a store: it is named with its numbers and its mend, the store stays."""

import contextlib
import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from meter.batch import store as store_module
from meter.batch.store import LEAST_DESCRIPTORS, LEAST_OPEN_FILES, Room, Stamp, Store, open_store
from meter.batch.store_errors import OPENING, READING, WRITING, DamagedStore, explained
from meter.errors import UserError
from meter.local_broker.processes import HAS_PROC
from tests.end_to_end.kafka import wait_until

STAMP = Stamp("meter-1", "test.", 3)
PATH = Path("stores/journal-3")
#: How RocksDB wraps what the system says: as it is, in its look at the options, in its check of the manifest.
WRAPPED = (
    "IO error: While open a file for random read: {path}/000008.sst: {words}",
    "Invalid argument: Found options incompatible with filesystem: IO error: While open: {path}/CURRENT: {words}",
    "Corruption: Corruption: IO error: While open a file: {path}/8.sst: {words}  The file {path}/MANIFEST-4 may be",
)
SHORTAGES = {
    errno.EMFILE: "no file descriptor left .*raise the hard limit",
    errno.ENFILE: "the machine has no file descriptor left",
    errno.ENOSPC: "no room is left on the disk .*MiB are free.*make room",
    errno.EDQUOT: "the disk quota",
    errno.EFBIG: "raise the limit .`ulimit -f`",
    errno.EROFS: "read-only; mount it writable",
    errno.EIO: "look into the system's log",
    errno.ENOMEM: "no more memory",
    errno.EACCES: "does not permit it; give it to the user",
    errno.EPERM: "does not permit it; give it to the user",
}


@pytest.mark.parametrize("doing", [OPENING, READING, WRITING])
@pytest.mark.parametrize("wrapped", WRAPPED, ids=["plain", "options", "manifest"])
@pytest.mark.parametrize("number", SHORTAGES, ids=errno.errorcode.get)
def test_what_the_machine_refuses_is_no_damage(number: int, wrapped: str, doing: str) -> None:
    meaning = explained(Exception(wrapped.format(path=PATH, words=os.strerror(number))), PATH, doing)
    assert isinstance(meaning, UserError)
    with pytest.raises(UserError, match=rf"{PATH} cannot be {doing}: .*{SHORTAGES[number]}.*stays as it is"):
        raise meaning


@pytest.mark.parametrize("doing", [OPENING, READING, WRITING])
@pytest.mark.parametrize(
    "words", ["Corruption: Bad table magic number", f"IO error: No such file or directory: {PATH}"]
)
def test_damage_is_damage(words: str, doing: str) -> None:
    assert isinstance(explained(Exception(words), PATH, doing), DamagedStore)


def test_an_error_of_the_disk_that_nobody_knows_leaves_the_store() -> None:
    meaning = explained(Exception("IO error: While pread: x: Stale file handle"), PATH, READING)
    assert isinstance(meaning, UserError)
    assert "Stale file handle" in str(meaning)
    assert "move the store away, then it is restored" in str(meaning)


def test_an_error_that_is_a_bug_stays_one() -> None:
    bug = Exception("Invalid argument: column family")
    assert explained(bug, PATH, WRITING) is bug


#: Opens stores under a limit until one does not open; prints how many there were, and why it ended.
OPENS = """
import resource, sys
from pathlib import Path
from meter.batch.store import Room, Stamp, open_store
limit = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
stores = []
try:
    for partition in range(int(sys.argv[3])):
        stamp, room = Stamp("m", "", partition), Room(20, 1 << 20, 1 << 20)
        stores.append(open_store(Path(sys.argv[1]) / str(partition), stamp, 0.0, room))
    rows = sum(len(list(store.scan(b"k"))) for store in stores)
except Exception as error:
    print(type(error).__name__, len(stores), error)
else:
    print("all", len(stores), rows)
for store in stores:
    store.close()
"""


def opened(directory: Path, limit: int, count: int) -> str:
    """What became of opening `count` stores below `directory` in a process that may open so many files."""
    done = subprocess.run(
        [sys.executable, "-c", OPENS, str(directory), str(limit), str(count)], capture_output=True, text=True
    )
    assert not done.returncode, done.stderr
    return done.stdout


def made(directory: Path, count: int) -> None:
    """So many good stores of ten rows."""
    for partition in range(count):
        store = open_store(directory / str(partition), Stamp("m", "", partition), 0.0, Room(20, 1 << 20, 1 << 20))
        store.write([(b"k%d" % number, b"v") for number in range(10)])
        store.close()


def refused(directory: Path, limit: int, count: int) -> None:
    """Opens them under a limit that is too low, and hears so."""
    found = opened(directory, limit, count)
    assert found.startswith("UserError "), found
    assert "the process has no file descriptor left" in found
    assert f"the limit is {limit})" in found


def test_a_store_outlives_a_lack_of_descriptors_at_every_step_of_its_opening(tmp_path: Path) -> None:
    made(tmp_path, 5)
    for limit in range(28, 38):  # it runs out at another step each time
        refused(tmp_path, limit, 5)
    assert opened(tmp_path, 40 + LEAST_DESCRIPTORS * 5, 5) == "all 5 50\n"
    assert not list(tmp_path.glob("*.aside-*"))


@pytest.mark.parametrize(("count", "limits"), [(32, (180, 215)), (64, (180, 215, 256))])
def test_good_stores_outlive_a_start_with_too_few_descriptors(
    tmp_path: Path, count: int, limits: tuple[int, ...]
) -> None:
    made(tmp_path, count)
    for limit in limits:
        refused(tmp_path, limit, count)
    assert opened(tmp_path, 40 + LEAST_DESCRIPTORS * count, count) == f"all {count} {10 * count}\n"
    assert not list(tmp_path.glob("*.aside-*"))


def test_a_store_keeps_to_its_share_of_descriptors_however_many_files_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_many_files(room: Room) -> Any:
        options = options_of(room)
        options.set_target_file_size_base(64 << 10)
        return options

    options_of = store_module._options
    monkeypatch.setattr(store_module, "_options", of_many_files)
    rng, most = Random(7), 0
    store = Store(tmp_path / "store", Room(LEAST_OPEN_FILES, 32 << 10, 1 << 20))
    for round_ in range(150):
        store.write([(b"k%08d" % rng.randrange(10**8), rng.randbytes(100)) for _ in range(300)])
        store.flush()
        store.get_many([b"k%08d" % rng.randrange(10**8) for _ in range(50)])
        if round_ % 10 == 0:  # a file has some 500 rows: each is looked at while it is read
            wait_until("it is compacted", lambda: at_rest(store), 120)
            most = max(most, *(open_below(tmp_path) for row, _ in enumerate(store.scan(b"k")) if row % 100 == 0))
        most = max(most, open_below(tmp_path))
    assert len(list(store.path.glob("*.sst"))) > 2 * LEAST_DESCRIPTORS
    store.close()
    assert most <= LEAST_DESCRIPTORS
    assert most > LEAST_OPEN_FILES // 2 or not HAS_PROC


def open_below(directory: Path) -> int:
    """How many files below a directory this process has open; clients of other tests come and go beside them."""
    found = 0
    for number in os.listdir("/dev/fd"):
        with contextlib.suppress(OSError):  # closed meanwhile, or a system that does not tell
            found += os.readlink(f"/dev/fd/{number}").startswith(str(directory))
    return found


def at_rest(store: Store) -> bool:
    """Whether no compaction runs or is due."""
    return not any(store.db.property_int_value(f"rocksdb.{name}") for name in COMPACTING)


COMPACTING = ("compaction-pending", "num-running-compactions")


def fill(disk: Path) -> Path:
    """A file that takes all the room there is."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4_096))
    return ballast


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(place)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"a small file system needs the right to mount one: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_read_only_and_a_full_disk_are_named_and_leave_the_store(small_disk: Path) -> None:
    path = small_disk / "store"
    store = open_store(path, STAMP, 0.0)
    store.write([(b"k", b"v")])
    store.close()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(UserError, match="read-only; mount it writable"):
        open_store(path, STAMP, 0.0)
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    ballast = fill(small_disk)
    with pytest.raises(UserError, match=r"no room is left on the disk \(0 MiB are free\); make room"):
        open_store(path, STAMP, 0.0)
    ballast.unlink()
    store = open_store(path, STAMP, 0.0)
    assert store.get(b"k") == b"v"
    store.close()
    assert not list(small_disk.glob("*.aside-*"))
