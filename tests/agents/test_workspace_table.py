"""The table of workspaces is a cache of its log: whatever becomes of it, every record is judged as by the whole log."""

import asyncio
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.intake.resume import Refused
from agents.intake.workspace_directory import CATCH_UP_SECONDS, WorkspaceDirectory
from agents.intake.workspace_map import WorkspaceMap
from meter.batch.lanes import Reopen
from meter.batch.store_errors import DamagedStore
from meter.rules.billing_days import zone
from schemas.rows import NEVER
from tables import workspaces
from tables.workspaces import StoredWorkspaces, WorkspaceRow
from tests.agents.workspace_log import ScriptedLog, WorkspaceLog, binding, record, started, table_at
from tests.faults.spoiling import riddled
from tests.strategies import TIERS

NAMES = ("a", "b", "c")


def map_over(table: StoredWorkspaces) -> WorkspaceMap:
    return WorkspaceMap(zone("+00:00"), 4, table)


def told_by(log: WorkspaceLog) -> dict[str, tuple[str, int, int, int]]:
    """What a log says of each workspace, read by a plain loop: account, offset, commercial from, offset of that."""
    known: dict[str, tuple[str, int, int, int]] = {}
    for offset, line in enumerate(log):
        if line is None:
            continue
        workspace, account, tier = line
        mine, at, commercial, commercial_at = known.get(workspace, (account, offset, NEVER, workspaces.NOWHERE))
        if mine == account and tier == "commercial" and commercial == NEVER:
            commercial, commercial_at = offset + 719_163, offset  # day 0 is 1970-01-01
        known[workspace] = mine, at, commercial, commercial_at
    return known


def known_of(directory: WorkspaceMap) -> dict[str, tuple[str, int, int, int]]:
    entries = {name: directory.known(name) for name in NAMES}
    return {
        name: (entry.named.account, entry.bound_at, entry.named.commercial, entry.commercial_at)
        for name, entry in entries.items()
        if entry is not None
    }


def lines(log: WorkspaceLog, start: int, end: int) -> list[Any]:
    return [
        record(offset, b"not json") if line is None else binding(offset, *line)
        for offset, line in enumerate(log[start:end], start)
    ]


@settings(deadline=None, max_examples=60)
@given(st.lists(TIERS | st.none(), max_size=12), st.data())
def test_a_table_of_any_moment_put_back_learns_the_rest_and_knows_what_the_whole_log_says(
    log: WorkspaceLog, data: st.DataObject
) -> None:
    cuts = sorted({0, len(log), *data.draw(st.lists(st.integers(0, len(log)), max_size=4))})
    back = data.draw(st.sampled_from(cuts))
    with tempfile.TemporaryDirectory() as place:
        path, older = Path(place) / "now" / "store", Path(place) / "older"
        table = table_at(path)
        assert table.open() is None
        directory = map_over(table)
        held = []
        for start, end in zip([0, *cuts], cuts, strict=False):
            if end > start:
                directory.learn(lines(log, start, end))
            held += [(name, entry) for name in NAMES if (entry := directory.known(name)) is not None]
            if end == back:
                table.store.flush()
                shutil.copytree(path, older, dirs_exist_ok=True)
        assert known_of(directory) == told_by(log)
        assert all(entry.named == directory.known(name).named for name, entry in held), "who holds one sees it change"  # type: ignore[union-attr]
        table.close()
        shutil.rmtree(path)
        shutil.copytree(older, path)
        table = table_at(path)
        read_to = table.open()
        assert (0 if read_to is None else read_to.offset) == back
        again = map_over(table)
        if back < len(log):
            again.learn(lines(log, max(0, back - data.draw(st.integers(0, 2))), len(log)))
        assert known_of(again) == told_by(log)
        table.close()


WRITES = """
import sys
from pathlib import Path
from tables import workspaces
from tables.workspaces import ReadTo, StoredWorkspaces, WorkspaceRow
from meter.batch.store import Room
workspaces.ROOM = Room(open_files=20, memtable_bytes=64 << 10, cache_bytes=1 << 20)
table = StoredWorkspaces(Path(sys.argv[1]), "m", "", "id")
table.open()
for offset in range(0, 10_000_000, 50):
    rows = {f"w{number}": WorkspaceRow("x" * 40, number) for number in range(offset, offset + 50)}
    table.put(rows, ReadTo(offset + 50, offset + 49, 0, 0))
    print(offset + 50, flush=True)
"""


def test_a_kill_leaves_the_table_of_an_earlier_offset_with_its_rows_and_no_others(tmp_path: Path) -> None:
    path = tmp_path / "stores" / "workspaces"
    with subprocess.Popen([sys.executable, "-c", WRITES, str(path)], stdout=subprocess.PIPE) as writing:
        assert writing.stdout is not None
        written, enough = 0, 20_000 + time.time_ns() % 20_000
        while written < enough:
            written = int(writing.stdout.readline())
        writing.send_signal(signal.SIGKILL)
        for line in writing.stdout:
            written = int(line)
    table = table_at(path)
    read_to = table.open()
    assert read_to is not None, "several memtables were written out"
    assert 0 < read_to.offset <= written + 50
    names = [f"w{number}" for number in range(read_to.offset + 500)]
    known = [row is not None for row in table.get_many(names)]
    assert known == [True] * read_to.offset + [False] * 500
    table.close()


LOG = [binding(0, "a", "x", "commercial"), binding(1, "b"), binding(2, "c", "y"), record(3, None), binding(4, "b")]


def left_at(path: Path, log: Sequence[Any]) -> None:
    """A table that was left when this log was read."""
    directory = started(path, ScriptedLog(log))
    directory._table.close()


@pytest.mark.parametrize("length", range(1, 6))
def test_the_log_is_read_on_from_where_the_table_was_left(tmp_path: Path, length: int) -> None:
    left_at(tmp_path / "w", LOG[:length])
    log = ScriptedLog(LOG)
    directory = started(tmp_path / "w", log)
    assert log.fetched == [length - 1, *range(length, 5, 3)], "its last record again, then what is new"
    assert (directory.read_to, sorted(known_of(directory))) == (5, ["a", "b", "c"])
    directory._table.close()


OTHERS = {
    "a log with another last record": [*LOG[:4], binding(4, "c")],
    "a log whose last record came at another time": [*LOG[:4], record(4, LOG[4].value, 7)],
    "a shorter log": LOG[:2],
    "a longer log of others": [binding(offset, "b", "z") for offset in range(9)],
}


@pytest.mark.parametrize("other", OTHERS)
def test_a_table_of_another_log_is_built_again(tmp_path: Path, other: str) -> None:
    left_at(tmp_path / "w", LOG)
    log = ScriptedLog(OTHERS[other])
    directory = started(tmp_path / "w", log)
    fresh = started(tmp_path / "fresh", ScriptedLog(OTHERS[other]))
    assert 0 in log.fetched
    assert known_of(directory) == known_of(fresh)
    for each in (directory, fresh):
        each._table.close()


@pytest.mark.parametrize("other", [{"topic_id": "other"}, {"meter_id": "other"}])
def test_a_table_of_another_topic_or_meter_is_not_believed(tmp_path: Path, other: dict[str, str]) -> None:
    left_at(tmp_path / "w", LOG)
    table = table_at(tmp_path / "w", **other)
    assert table.open() is None
    assert table.get("a") is None
    table.close()


def test_a_table_of_another_format_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left_at(tmp_path / "w", LOG)
    monkeypatch.setattr(workspaces, "WORKSPACES_FORMAT", workspaces.WORKSPACES_FORMAT + 1)
    table = table_at(tmp_path / "w")
    assert table.open() is None
    table.close()


def test_a_broker_that_does_not_give_the_last_record_says_nothing_of_the_table(tmp_path: Path) -> None:
    left_at(tmp_path / "w", LOG)
    log = ScriptedLog(LOG)
    log.silent = True
    with pytest.raises(Reopen, match="record 4 of workspaces"):
        started(tmp_path / "w", log)
    assert log.patience == CATCH_UP_SECONDS, "as for reading the log to its end"


def test_a_table_that_another_has_open_is_left_alone(tmp_path: Path) -> None:
    first = started(tmp_path / "w", ScriptedLog(LOG))
    with pytest.raises(Refused, match="open already"):
        started(tmp_path / "w", ScriptedLog(LOG))
    assert sorted(known_of(first)) == ["a", "b", "c"]
    first._table.close()


def test_a_damaged_table_answers_nobody_until_it_is_built_again(tmp_path: Path) -> None:
    many = [binding(offset, f"w{offset}") for offset in range(3_000)]
    left_at(tmp_path / "w", many)
    log = ScriptedLog(many)
    directory = WorkspaceDirectory("workspaces", zone("+00:00"), 4, {}, table_at(tmp_path / "w"))
    directory._consumer = directory._ends = log

    async def asked() -> None:
        await directory._resume()
        riddled(tmp_path / "w", Random(7))
        for offset in range(3_000):
            directory.known(f"w{offset}")

    async def story() -> None:
        with pytest.raises(DamagedStore):
            await asked()
        with pytest.raises(DamagedStore):
            directory.known("nobody")
        with pytest.raises(DamagedStore):
            await directory.catch_up()
        mending = asyncio.create_task(directory.mend())
        while log.at < 1_000:
            with pytest.raises(DamagedStore):
                directory.known("w2999")
            await asyncio.sleep(0)
        await mending
        assert all(directory.known(f"w{offset}") is not None for offset in range(3_000))
        assert await directory.catch_up() == 3_000

    asyncio.run(story())
    directory._table.close()


def test_what_the_machine_refuses_is_no_records_fault(tmp_path: Path) -> None:
    left_at(tmp_path / "w", LOG)
    directory = started(tmp_path / "w", ScriptedLog(LOG))
    directory._table.close()
    with pytest.raises(Refused):
        directory.known("nobody")


def test_rows_and_the_offset_that_they_reach_are_one_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_at(tmp_path / "w")
    table.open()
    written = list[list[bytes]]()
    monkeypatch.setattr(table.store, "write", lambda rows: written.append([key for key, _ in rows]))
    map_over(table).learn(LOG)
    assert written == [[b"wa", b"wb", b"wc", workspaces.READ_TO]]
    table.close()


def test_a_row_takes_few_bytes(tmp_path: Path) -> None:
    table = table_at(tmp_path / "w")
    table.open()
    table.put({"w": WorkspaceRow("account-1234", 1_000_000, 739_000, 1_000_001)}, workspaces.ReadTo(1, 0, 0, 0))
    value = table.store.get(b"ww")
    assert value is not None
    assert len(value) <= 30
    table.close()
