"""An archive of Kafka's loaded and verified classes, which later JVMs map: it halves the CPU of a start.

A broker that finds no archive writes one when it stops (`up` starts it so, `down` keeps the file). The JVM checks that
an archive fits it and the jars, and ignores one that does not.
"""

import contextlib
import hashlib
import os
import shutil
from pathlib import Path


def options(jars: Path, java: str, home: Path | None = None) -> list[str]:
    """JVM options that use the archive, or else write one below `home`; JVMs other than OpenJDK ignore them."""
    archive = _place(jars, java)
    if archive.is_file():
        return ["-XX:+IgnoreUnrecognizedVMOptions", f"-XX:SharedArchiveFile={archive}"]
    if home is None:
        return []
    return ["-XX:+IgnoreUnrecognizedVMOptions", f"-XX:ArchiveClassesAtExit={home / archive.name}"]


def keep(jars: Path, home: Path) -> None:
    """Move the archive that a cleanly stopped broker wrote beside the jars."""
    for written in home.glob("*.jsa"):
        part = jars.with_name(f"{written.name}.part-{os.getpid()}")
        with contextlib.suppress(OSError):  # without an archive a start is only slower
            shutil.move(written, part)
            part.rename(jars.with_name(written.name))


def forget(home: Path) -> None:
    """Remove an archive that a killed broker may have left incomplete."""
    for written in home.glob("*.jsa"):
        written.unlink()


def _place(jars: Path, java: str) -> Path:
    """One archive for each content of the jars and each JVM, known by its path, size and time."""
    jvm = Path(java).resolve()
    found = jvm.stat()
    name = hashlib.sha256(f"{jvm} {found.st_size} {found.st_mtime_ns}".encode()).hexdigest()[:12]
    return jars.with_name(f"{jars.name}-{name}.jsa")
