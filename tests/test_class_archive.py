"""The archive of Kafka's classes: written by the first broker stopped in peace, used by every start after it."""

import os
from pathlib import Path

import pytest

from meter.local_broker import class_archive


@pytest.fixture
def jars(tmp_path: Path) -> Path:
    return tmp_path / "kafka-abc"


@pytest.fixture
def java(tmp_path: Path) -> str:
    """A JVM, as far as its archive asks."""
    path = tmp_path / "java"
    path.write_bytes(b"a JVM")
    return str(path)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The directory of a broker."""
    path = tmp_path / "home"
    path.mkdir()
    return path


def written(jars: Path, java: str, home: Path) -> Path:
    """Where a broker that starts without an archive writes one."""
    option = class_archive.options(jars, java, home)[-1]
    assert option.startswith(f"-XX:ArchiveClassesAtExit={home}/")
    return Path(option.partition("=")[2])


def test_a_broker_writes_what_the_next_start_uses(jars: Path, java: str, home: Path) -> None:
    assert class_archive.options(jars, java) == [], "what is no broker writes none"
    path = written(jars, java, home)
    path.write_bytes(b"classes")
    class_archive.keep(jars, home)
    (option,) = class_archive.options(jars, java)[1:]
    assert option.startswith("-XX:SharedArchiveFile=")
    assert Path(option.partition("=")[2]).read_bytes() == b"classes"
    assert class_archive.options(jars, java, home)[1:] == [option]
    assert list(home.iterdir()) == []


def test_another_jvm_takes_another_archive(jars: Path, java: str, home: Path) -> None:
    written(jars, java, home).write_bytes(b"classes")
    class_archive.keep(jars, home)
    os.utime(java, (1, 1))
    assert class_archive.options(jars, java) == []


def test_half_an_archive_is_forgotten(jars: Path, java: str, home: Path) -> None:
    written(jars, java, home).write_bytes(b"half")
    class_archive.forget(home)
    class_archive.keep(jars, home)
    assert class_archive.options(jars, java) == []
