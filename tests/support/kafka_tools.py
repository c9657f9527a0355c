"""Kafka's command-line tools, as an installation of Kafka has them: what documents show of them is typed in the suite.

The tools are one jar beside those of the broker, which Maven fetches once.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

from meter.local_broker.jars import cache, fetched_jars

VERSION = "4.2.2"
PROGRAMS = {
    "kafka-console-producer.sh": "org.apache.kafka.tools.ConsoleProducer",
    "kafka-topics.sh": "org.apache.kafka.tools.TopicCommand",
}


def installed(directory: Path) -> Path:
    """Put the programs into a directory that a shell's PATH may begin with; skips where Java or Maven has them not."""
    if shutil.which("java") is None or shutil.which("mvn") is None:
        pytest.skip("Java or Maven is not installed")
    jars, tools = fetched_jars(lambda _: None), cache() / f"kafka-tools-{VERSION}"
    if not (tools / f"kafka-tools-{VERSION}.jar").is_file():
        copy = ["mvn", "-q", "-B", "dependency:copy", f"-Dartifact=org.apache.kafka:kafka-tools:{VERSION}"]
        done = subprocess.run([*copy, f"-DoutputDirectory={tools}"], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"Maven cannot fetch Kafka's tools: {done.stdout[-300:]}")
    for name, main in PROGRAMS.items():
        program = directory / name
        program.write_text(f"#!/bin/sh\nexec java -cp '{jars}/*:{tools}/*' {main} \"$@\"\n", encoding="utf-8")
        program.chmod(0o755)
    return directory
