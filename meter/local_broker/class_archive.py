"""Kafka's classes, loaded and checked, as a file that every later JVM maps: half of the CPU of a start.

A broker that finds no archive writes one when it is stopped (`up` starts it so, `down` keeps what it wrote). The JVM
itself looks whether an archive fits it and the jars, and goes on without one that does not.
"""

import contextlib
import hashlib
import os
import shutil
from pathlib import Path


def options(jars: Path, java: str, home: Path | None = None) -> list[str]:
    """The JVM options that use the archive, or that write it below `home`; other JVMs than OpenJDK ignore them."""
    archive = _place(jars, java)
    if archive.is_file():
        return ["-XX:+IgnoreUnrecognizedVMOptions", f"-XX:SharedArchiveFile={archive}"]
    if home is None:
        return []
    return ["-XX:+IgnoreUnrecognizedVMOptions", f"-XX:ArchiveClassesAtExit={home / archive.name}"]


def keep(jars: Path, home: Path) -> None:
    """Keep beside the jars what a broker wrote that was stopped in peace, and ended."""
    for written in home.glob("*.jsa"):
        part = jars.with_name(f"{written.name}.part-{os.getpid()}")
        with contextlib.suppress(OSError):  # without one, a start is slower
            shutil.move(written, part)
            part.rename(jars.with_name(written.name))


def forget(home: Path) -> None:
    """Remove what a broker wrote that had to be killed: it may be half of it."""
    for written in home.glob("*.jsa"):
        written.unlink()


def _place(jars: Path, java: str) -> Path:
    """One archive for each content of the jars and each JVM: its path, size and time are another's after an update."""
    jvm = Path(java).resolve()
    found = jvm.stat()
    name = hashlib.sha256(f"{jvm} {found.st_size} {found.st_mtime_ns}".encode()).hexdigest()[:12]
    return jars.with_name(f"{jars.name}-{name}.jsa")
