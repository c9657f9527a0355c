"""Kafka's jars: fetched by Maven once for each content of the shipped pom, and shared by all brokers of a user.

They are downloaded into a directory beside their place and renamed when complete, under a lock: two commands share one
download, and an interrupted one leaves nothing incomplete.
"""

import contextlib
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from meter.errors import UserError
from meter.local_broker import class_archive
from meter.machine import private_files as private

SHIPPED = Path(__file__).parent


class BrokerTrouble(UserError):
    """The broker cannot be started, stopped or found."""


def cache() -> Path:
    """The user's cache directory (in `$XDG_CACHE_HOME`, else `~/.cache`)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "usage-meter"


def kafka_jars() -> Path:
    """The directory of Kafka's jars: one for each content of the shipped pom."""
    return cache() / f"kafka-{hashlib.sha256((SHIPPED / 'pom.xml').read_bytes()).hexdigest()[:12]}"


def fetched_jars(say: Callable[[str], None]) -> Path:
    """The directory of Kafka's jars, fetched by Maven once for each content of the shipped pom."""
    pom, jars = SHIPPED / "pom.xml", kafka_jars()
    private_cache(jars.parent)
    with locked(jars.with_suffix(".lock")):
        if jars.is_dir():
            return jars
        say(f"fetching Kafka's jars through Maven into {jars} (43 MB, once)")
        part = jars.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        shutil.copy(pom, part / "pom.xml")
        copy = ["mvn", "-q", "-B", "-f", str(part / "pom.xml"), "dependency:copy-dependencies"]
        run_tool([*copy, f"-DoutputDirectory={part}"], "mvn was not found: install Maven (Debian: `maven`)")
        part.rename(jars)
    return jars


def run_tool(command: list[str], missing: str) -> None:
    """Run a command to its end; BrokerTrouble with its output if it fails or is missing."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    except FileNotFoundError:
        raise BrokerTrouble(f"{missing}, or point METER_BROKER at a Kafka that runs") from None
    if done.returncode != 0:
        raise BrokerTrouble(f"`{' '.join(command)}` failed with {done.returncode}:\n{done.stdout[-2000:]}")


def java(jars: Path, *arguments: str, home: Path | None = None) -> list[str]:
    """The command line of one of Kafka's Java programs; with `home` it may archive its classes there."""
    found = jvm()
    return [found, *class_archive.options(jars, found, home), "-cp", f"{jars}/*", *arguments]


def jvm() -> str:
    """The path of `java`; BrokerTrouble without one."""
    found = shutil.which("java")
    if found is None:
        raise BrokerTrouble(
            "java was not found: install Java 17 or later (Debian: `openjdk-17-jre-headless`), "
            "or point METER_BROKER at a Kafka that runs"
        )
    return found


def private_cache(place: Path) -> None:
    """Create the cache as a private directory: its files are run, so no other user may write them."""
    private.own_directory(place)
    if place.stat().st_uid != os.geteuid():
        raise BrokerTrouble(
            f"{place} belongs to another user, who could replace what is run from it; "
            "set XDG_CACHE_HOME to a directory of yours"
        )


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file; the kernel releases it at the end of the process."""
    with private.locked(path, f"{path} is held", wait=True):
        yield
