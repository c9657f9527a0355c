"""What the documents show, done on a real Kafka: sessions, examples of dead letters, and the programs in each language.

Programs whose language or client library is not on the machine are left out and say so.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined] # exported all the same

from meter.local_broker.jars import kafka_jars
from tests.end_to_end.commands import begin
from tests.end_to_end.console import Console
from tests.end_to_end.kafka import REQUEST_SECONDS, wait_until
from tests.end_to_end.workers import Meter
from tests.meters import StartMeter
from tests.oracle_reading import Settings
from tests.records import Message, binding, json_bytes
from tests.support.documents import COMMANDS, ROOT, SESSIONS, Block, Clock, blocks, matches, noon, steps
from tests.support.kafka_tools import installed
from tests.support.languages import at_hand
from tests.support.postgres import postgres

pytestmark = pytest.mark.e2e

EXAMPLES = ROOT / "docs/examples"
LETTERS = ROOT / "docs/dead-letters.md"
#: What `docs/examples/*/send_usage` reports: 3,000,000 logs at 1.5 a million.
REPORTED = "logs {day} 3000000 4.50 CNY"
#: For a program of any language to start and end, on a busy machine.
PROGRAM_SECONDS = 240
#: What is quoted below a record that another one follows.
GOOD = "(counted)"


@pytest.fixture(scope="module")
def place(module_meter: StartMeter) -> tuple[Meter, Clock]:
    """A meter with one worker, about noon, and the clock of the documents."""
    zone, clock = noon()
    meter = module_meter(Settings(zone=zone))
    meter.start_ready(["a"])
    return meter, clock


def test_sessions_of_the_documents_run_as_shown(place: tuple[Meter, Clock]) -> None:
    meter, clock = place
    with Console(meter) as console:
        for step in (step for name in SESSIONS for step in steps(ROOT / "docs" / name)):
            found = clock.to_document(console.run(clock.to_now(step.command)))
            assert matches(step.expected, found), f"{step.place}: $ {step.command}\n{found}"


def test_the_sessions_of_the_commands_run_as_shown(new_meter: StartMeter, tmp_path: Path) -> None:
    zone, clock = noon()
    meter = new_meter(Settings(zone=zone))
    meter.start_ready(["a"])
    shutil.copy(ROOT / "meter/catalog.toml", tmp_path)
    watch = begin(meter, "budget", "watch")
    try:
        wait_until("topics of budgets", lambda: {"budgets", "budget-alerts"} <= meter.kafka.topics(), 120, meter.logs)
        with Console(meter, tmp_path) as console:
            for step in steps(ROOT / "docs" / COMMANDS):
                said = clock.to_document(console.run(clock.to_now(step.command)))
                assert matches(step.expected, said), f"{step.place}: $ {step.command}\n{said}"
    finally:
        watch.terminate()
        watch.communicate(timeout=PROGRAM_SECONDS)


def test_records_of_the_documents_count(place: tuple[Meter, Clock]) -> None:
    meter, clock = place
    sent = 0
    for block in blocks(ROOT / "docs/producers.md"):
        if block.language == "json" and block.words[0] in ("usage", "workspaces"):
            sent += meter.kafka.send([_message(block.words[0], text.encode(), clock) for text in block.records])
            meter.settle()
    assert sent > 5
    dead = [_error_of(letter) for letter in _letters(meter) if json.loads(_value(letter)).get("subject") != "wksp_new"]
    assert dead == []


def test_examples_of_dead_letters_die_as_shown(place: tuple[Meter, Clock]) -> None:
    meter, clock = place
    meter.kafka.send(
        [Message("workspaces", name, json_bytes(binding(name, "acct_1"))) for name in ("wksp_a", "wksp_b")]
    )
    meter.settle()
    own = {block.words[1] for block in _dead()} - {"usage", "workspaces", "plan-purchases"}
    made = [NewTopic(meter.kafka.prefix + name, 1, 1) for name in own]
    for created in meter.kafka.admin.create_topics(made).values():
        created.result(REQUEST_SECONDS)
    before = {_place(letter) for letter in _letters(meter)}
    shown = sorted(_shown(), key=lambda each: each[0])  # stable: of a topic as they are sent
    meter.kafka.send(
        _message(block.words[1], line.replace("…", "x" * 90_000).encode(), clock)
        for block in _dead()
        for line in block.records
    )
    wait_until("all are dead", lambda: len(_letters(meter)) >= len(before) + len(shown), 120, meter.logs)
    new = [letter for letter in _letters(meter) if _place(letter) not in before]
    for (topic, reason, sentence), letter in zip(shown, new, strict=True):
        text = clock.to_document(letter["error"])
        assert (letter["topic"], letter["reason"]) == (topic, reason), text
        assert matches(sentence, text), f"{reason}: {text}"


def test_producers_are_counted_and_consumers_agree(place: tuple[Meter, Clock], tmp_path: Path) -> None:
    meter, clock = place
    programs = list(_programs(tmp_path))
    names = [f"wksp_{language}" for language, _, _ in programs]
    assert "wksp_python" in names
    meter.kafka.send([Message("workspaces", name, json_bytes(binding(name, "acct_x"))) for name in names])
    for name, (_, command, directory) in zip(names, programs, strict=True):
        assert _run(meter, [*command, name], directory) == "3 records acknowledged\n"
    meter.settle()
    expected = sorted(f"acct_x {name} {REPORTED.format(day=clock.today)}" for name in names)
    readers = [[sys.executable, "python/overages.py"]]
    if (jars := _jars()) is not None:
        readers.append(["java", "-cp", f"{jars}/*", "java/Overages.java"])
    for reader in readers:
        lines = _run(meter, reader, EXAMPLES).splitlines()
        assert [line for line in lines if line.startswith("acct_x ")] == expected, reader


def test_kafkas_own_tools_send_and_create_as_shown(place: tuple[Meter, Clock], tmp_path: Path) -> None:
    meter, _ = place
    meter.kafka.send([Message("workspaces", "wksp_console", json_bytes(binding("wksp_console", "acct_console")))])
    path = f"{installed(tmp_path)}{os.pathsep}{os.environ['PATH']}"
    typed = [block for block in blocks(ROOT / "docs/producers.md") if (block.language, *block.words) == ("sh", "run")]
    for block in typed:
        script = block.text.replace("wksp_a", "wksp_console").replace("127.0.0.1:9092", meter.variables["METER_BROKER"])
        script = script.replace("--topic ", f"--topic {meter.kafka.prefix}")
        done = subprocess.run(
            ["bash", "-ec", script],
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            timeout=PROGRAM_SECONDS,
        )
        assert done.returncode == 0, f"{block.place}\n{done.stdout}{done.stderr}"
    meter.settle()
    figures = [record.value for record in meter.kafka.published("overages")]
    assert [each["usage"] for each in figures if each["workspace"] == "wksp_console"] == [3_000_000]
    # The tool is answered by the controller; a busy broker hears of the topic later.
    wait_until("the broker has it", lambda: "usage.wksp_console" in meter.kafka.topics(), PROGRAM_SECONDS, meter.logs)
    assert len(typed) == 2


def test_a_table_in_postgres_keeps_the_highest_revision(place: tuple[Meter, Clock]) -> None:
    meter, _ = place
    figures = [
        json.loads(line)
        for line in _run(meter, [sys.executable, "-m", "meter.cli", "overages", "--json"], ROOT).splitlines()
    ]
    assert figures
    huge = {**figures[0], "revision": figures[0]["revision"] + 1, "overage": 2 * 10**20}
    with postgres() as load:
        for records in (figures, [huge, figures[0]], figures):
            load(EXAMPLES / "sql/postgres.sql", "\n".join(map(json.dumps, records)))
        rows = load(None, "select count(*), max(overage) from overages")
    assert rows == f"{len(figures)}|{2 * 10**20}\n"


def _dead() -> list[Block]:
    return [block for block in blocks(LETTERS) if block.words[:1] == ("dead",)]


def _shown() -> Iterator[tuple[str, str, str]]:
    """Topic, reason and sentence of every example that dies."""
    lines = LETTERS.read_text(encoding="utf-8").splitlines()
    for block in _dead():
        reason = next(line[4:-1] for line in reversed(lines[: block.line]) if line.startswith("## "))
        yield from ((block.words[1], reason, sentence) for sentence in block.quoted if sentence != GOOD)


def _message(topic: str, value: bytes, clock: Clock) -> Message:
    return Message(topic, "one partition, one order", clock.to_now(value.decode()).encode())


def _letters(meter: Meter) -> list[dict[str, Any]]:
    """All dead letters, those of a topic in the order in which they were sent."""
    return sorted((record.value for record in meter.kafka.published("dead-letters")), key=_place)


def _place(letter: dict[str, Any]) -> tuple[str, int, int]:
    return letter["topic"], letter["partition"], letter["offset"]


def _value(letter: dict[str, Any]) -> bytes:
    return base64.b64decode(letter["value"])


def _error_of(letter: dict[str, Any]) -> str:
    return f"{letter['reason']}: {letter['error']}"


def _jars() -> Path | None:
    """Kafka's jars, which `meter broker up` fetched; they hold its Java client and Jackson too."""
    return kafka_jars() if shutil.which("java") else None


def _programs(directory: Path) -> Iterator[tuple[str, list[str], Path]]:
    """The producers that can run here, and where."""
    yield "python", [sys.executable, "send_usage.py"], EXAMPLES / "python"
    if (jars := _jars()) is not None:
        yield "java", ["java", "-cp", f"{jars}/*", "SendUsage.java"], EXAMPLES / "java"
    node, go = directory / "node", directory / "go"
    for copied in (node, go):
        shutil.copytree(EXAMPLES / copied.name, copied, ignore=shutil.ignore_patterns("node_modules"))
    if at_hand(["npm", "install", "--offline", "--no-audit", "--no-fund"], node):
        yield "node", ["node", "send_usage.mjs"], node
    if at_hand(["go", "build", "-o", "send_usage", "."], go):
        yield "go", ["./send_usage"], go


def _run(meter: Meter, command: list[str], directory: Path) -> str:
    """What a program printed, beside the meter."""
    done = subprocess.run(
        command,
        cwd=directory,
        env={**os.environ, **meter.variables, "METER_DATA_DIR": str(meter.directory / "command")},
        capture_output=True,
        text=True,
        timeout=PROGRAM_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout
