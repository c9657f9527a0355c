"""The one broker that no test harms: all processes of a run share it, and whichever needs it first starts it.

A run of pytest makes its directory and names it to the processes that it starts (`-n 4`) by the environment; at its
end it stops the broker.
"""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from meter.local_broker import broker as kafka_broker
from meter.local_broker import class_archive
from meter.local_broker.jars import fetched_jars, jvm
from tests.end_to_end.workers import free_port

PLACE = "SHARED_TEST_BROKER"
#: A broker of tests begins beside six processes that are busy; where it gives no answer in time, all their tests fail.
kafka_broker.START_SECONDS = 240


def place() -> Path | None:
    """Makes the directory of a run, once; None in a process that a run started."""
    if PLACE in os.environ:
        return None
    os.environ[PLACE] = tempfile.mkdtemp(prefix="meter-tests-")
    return Path(os.environ[PLACE])


def up() -> int:
    """Starts the broker unless another process did; its port."""
    directory = Path(os.environ[PLACE])
    with (directory / "starting").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        noted = directory / "port"
        if not noted.exists():
            port = free_port()
            if not class_archive.options(fetched_jars(print), jvm()):  # the dozens after it start in half of the CPU
                _start(port, directory)
                kafka_broker.Broker(directory).down()
            _start(port, directory)
            noted.write_text(str(port))
        return int(noted.read_text())


def _start(port: int, directory: Path) -> None:
    kafka_broker.Broker(directory).up(port)


def down(directory: Path) -> None:
    """Stops it, and the secure one (`tests.support.secure_node`), if they were started, and leaves nothing of them."""
    for place in (directory, directory / "secure" / "node-1"):
        kafka_broker.Broker(place).down()
    shutil.rmtree(directory)
