"""The Java contender, built once for each content of its sources: jars by Maven, classes by javac, then cached."""

import hashlib
import shutil
from pathlib import Path

from meter.local_broker.jars import cache, java, locked, run_tool

SOURCES = Path(__file__).with_name("streams")
#: As much as it likes: with less it collects garbage instead of working.
HEAP = ("-Xms1g", "-Xmx2g")
LOG_LEVEL = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"


def command() -> list[str]:
    """The command line of the contender, built before."""
    place = _built()
    program = java(place / "jars", *HEAP, LOG_LEVEL, "Race")
    at = program.index("-cp") + 1
    program[at] = f"{place / 'classes'}:{program[at]}"
    return program


def _built() -> Path:
    """The directory with `jars` and `classes`."""
    pom, source = SOURCES / "pom.xml", SOURCES / "src" / "Race.java"
    content = hashlib.sha256(pom.read_bytes() + source.read_bytes()).hexdigest()[:12]
    place = cache() / f"race-{content}"
    place.parent.mkdir(parents=True, exist_ok=True)
    with locked(place.with_suffix(".lock")):
        if place.is_dir():
            return place
        print(f"building the Kafka Streams contender in {place} (once)", flush=True)
        part = place.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        (part / "classes").mkdir(parents=True)
        shutil.copy(pom, part / "pom.xml")
        fetch = ["mvn", "-q", "-B", "-f", str(part / "pom.xml"), "dependency:copy-dependencies"]
        run_tool(
            [*fetch, f"-DoutputDirectory={part / 'jars'}", "-DincludeScope=runtime"],
            "mvn was not found: install Maven (Debian: `maven`)",
        )
        compile_ = ["javac", "-cp", f"{part / 'jars'}/*", "-d", str(part / "classes"), str(source)]
        run_tool(compile_, "javac was not found: install a JDK, 17 or later (Debian: `openjdk-17-jdk-headless`)")
        part.rename(place)
    return place
