"""What the meter writes is its user's alone, and no link leads it elsewhere."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from agents.worker import lock
from meter import verified
from meter.batch.store import Stamp, open_store
from meter.errors import UserError
from meter.local_broker.jars import private_cache
from meter.machine import private_files as private

SECRET = "not ours to truncate"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def usual_umask() -> object:
    """Of a shell: everybody may read."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_a_data_directory_is_its_users_alone(tmp_path: Path) -> None:
    data = tmp_path / "several" / "levels" / "data"
    with lock(data):
        assert mode(data) == 0o700
        assert mode(data / "lock") == 0o600
    open_store(data / "stores" / "journal-0", Stamp("m", "", 0), 0.0).close()
    assert mode(data / "stores") == 0o700
    verified.keep(data, 0, "right")
    assert mode(data / "verified.json") == 0o600
    assert verified.last_differences(data) == 0


def test_stores_of_before_become_private_and_a_directory_of_others_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "stores").mkdir(mode=0o755)
    tmp_path.chmod(0o755)
    with lock(tmp_path):
        open_store(tmp_path / "stores" / "journal-0", Stamp("m", "", 0), 0.0).close()
    assert mode(tmp_path / "stores") == 0o700
    assert mode(tmp_path) == 0o755


def test_a_link_in_place_of_the_lock_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    victim, data = tmp_path / "victim", tmp_path / "data"
    victim.write_text(SECRET)
    data.mkdir()
    (data / "lock").symlink_to(victim)
    with pytest.raises(UserError, match="lock must be a plain file of the meter's, it is something else; remove it"):
        lock(data)
    assert victim.read_text() == SECRET


def test_a_lock_is_never_truncated_and_held_once(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text(SECRET)
    with lock(tmp_path), pytest.raises(UserError, match="in use by another worker; give each its own METER_DATA_DIR"):
        lock(tmp_path)
    assert (tmp_path / "lock").read_text() == SECRET
    lock(tmp_path).close()


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["directory", "pipe"])
def test_a_lock_that_is_no_file_is_reported(tmp_path: Path, make: object) -> None:
    make(tmp_path / "lock")  # type: ignore[operator] # either takes a path
    with pytest.raises(UserError, match="must be a plain file"):
        lock(tmp_path)


def test_a_data_directory_that_is_a_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(UserError, match="data is no directory; move it away, or set METER_DATA_DIR"):
        lock(tmp_path / "data")


def test_a_link_in_place_of_what_is_written_is_replaced(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text(SECRET)
    (tmp_path / "verified.json").symlink_to(victim)
    (tmp_path / "verified.json.new").symlink_to(victim)
    verified.keep(tmp_path, 3, "wrong")
    assert victim.read_text() == SECRET
    assert verified.last_differences(tmp_path) == 3


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        private.write(tmp_path / "taken", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make what belongs to another")
def test_programs_of_another_users_cache_are_not_run(tmp_path: Path) -> None:
    os.chown(tmp_path, 12_345, 12_345)
    with pytest.raises(UserError, match="belongs to another user, who could replace what is run from it"):
        private_cache(tmp_path)


def test_what_rocksdb_writes_in_a_worker_is_private_too(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from meter.machine.private_files import UMASK; os.umask(UMASK)\n"
        "from meter.batch.store import Store; s = Store(Path(sys.argv[1])); s.write([(b'k', b'v')]); s.close()"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "store")], check=True)
    assert {
        path.name: mode(path) & private.UMASK for path in (tmp_path / "store").iterdir() if mode(path) & 0o077
    } == {}
