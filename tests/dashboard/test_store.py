"""The file: one transaction a batch, one writer, made again when it is another's, and no record that stops it."""

import json
import logging
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest

from meter.dashboard.ingest.published import Published
from meter.dashboard.store import FORMAT, Store
from meter.errors import UserError
from tests.dashboard.live_board import figures
from tests.dashboard.read_models import ReadModel
from tests.dashboard.test_worth import overage

TODAY, NOW = "2026-02-03", "2026-02-03T12:00:00Z"


def one(revision: int = 6, workspace: str = "w", **changed: Any) -> Published:
    record = overage(workspace, "package") | {"revision": revision} | changed
    return Published("overages", 0, revision, 1_770_000_000_000, b"k", json.dumps(record).encode())


def test_rows_and_positions_are_one_transaction(tmp_path: Path) -> None:
    model = ReadModel(tmp_path / "d.sqlite")
    model.take([one(1)], TODAY)
    tables = ("cells", "items", "account_days", "feed", "positions", "accounts", "workspaces")
    before = {table: model.rows(f"SELECT * FROM {table}") for table in tables}
    with pytest.raises(sqlite3.IntegrityError):
        model.ingest.take([one(2), one(2, "v")], {("overages", 0): None}, TODAY)  # type: ignore[dict-item]
    assert {table: model.rows(f"SELECT * FROM {table}") for table in tables} == before
    model.take([one(2)], TODAY)
    assert model.rows("SELECT revision FROM cells") == [(2,)]
    model.close()


def test_a_page_reads_one_moment_while_the_writer_goes_on(tmp_path: Path) -> None:
    model = ReadModel(tmp_path / "d.sqlite")
    model.take([one(1)], TODAY)
    with model.store.reading() as connection:
        first = connection.execute("SELECT revision FROM cells").fetchall()
        model.take([one(2), one(2, "v")], TODAY)
        assert connection.execute("SELECT revision FROM cells").fetchall() == first
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            connection.execute("DELETE FROM cells")
    with model.store.reading() as connection:
        assert connection.execute("SELECT count(*) FROM cells").fetchone() == (2,)
    model.close()


def test_a_warm_file_is_kept_and_another_meters_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "d.sqlite"
    model = ReadModel(path)
    model.take([one()], TODAY)
    model.close()
    store = Store(path)
    assert store.begin("m")
    assert store.writer.execute("SELECT count(*) FROM cells").fetchone() == (1,)
    with store.reading() as connection:
        assert connection.execute("SELECT count(*) FROM cells").fetchone() == (1,)
    assert not store.begin("another")
    assert store.writer.execute("SELECT count(*) FROM cells").fetchone() == (0,)
    with store.reading() as connection:
        assert connection.execute("SELECT count(*) FROM cells").fetchone() == (0,)
    store.close()


@pytest.mark.parametrize("harm", ["format", "bytes", "cut"])
def test_a_file_of_another_format_or_a_damaged_one_is_made_again(tmp_path: Path, harm: str) -> None:
    path = tmp_path / "d.sqlite"
    model = ReadModel(path)
    model.take([one()], TODAY)
    model.close()
    if harm == "format":
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE about SET value = 'x' || ? WHERE name = 'format'", (FORMAT,))
        connection.close()
    else:
        path.write_bytes(b"this is no database" * 100 if harm == "bytes" else path.read_bytes()[:1000])
    store = Store(path)
    assert not store.begin("m")
    assert store.writer.execute("SELECT count(*) FROM cells").fetchone() == (0,)
    store.close()


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[sqlite3.Connection]:
    """Every connection that is made."""
    made: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def noted(*place: Any, **how: Any) -> sqlite3.Connection:
        made.append(connect(*place, **how))
        return made[-1]

    monkeypatch.setattr(sqlite3, "connect", noted)
    return made


def is_open(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("SELECT 1")
    except sqlite3.ProgrammingError:
        return False
    return True


def test_the_disk_of_a_file_of_another_format_is_free_once_it_is_deleted(
    tmp_path: Path, connections: list[sqlite3.Connection]
) -> None:
    Store(tmp_path / "d.sqlite").close()  # a file without a format, as another version may leave it
    store = Store(tmp_path / "d.sqlite")
    assert [each for each in connections if is_open(each)] == [store.writer]
    store.close()


def test_the_disk_of_another_meters_file_is_free_once_it_is_deleted(
    tmp_path: Path, connections: list[sqlite3.Connection]
) -> None:
    store = Store(tmp_path / "d.sqlite")
    store.begin("m")
    with store.reading():
        pass
    store.begin("another")
    with store.reading() as connection:
        assert [each for each in connections if is_open(each)] == [store.writer, connection]
    store.close()
    assert not [each for each in connections if is_open(each)]


def test_two_dashboards_do_not_share_a_file(tmp_path: Path) -> None:
    store = Store(tmp_path / "d.sqlite")
    with pytest.raises(UserError, match="METER_DASHBOARD_DB"):
        Store(tmp_path / "d.sqlite")
    store.close()


def test_only_its_user_reads_the_file(tmp_path: Path) -> None:
    model = ReadModel(tmp_path / "d.sqlite")
    model.take([one()], TODAY)
    assert {path.stat().st_mode & 0o077 for path in tmp_path.iterdir()} == {0}
    model.close()


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"not json",
        b"[]",
        b"{}",
        b"\xff",
        one(day="2026-99-99").value,
        one(day="yesterday").value,
        one(usage="5").value,
        one(charge={"amount": "NaN", "currency": "CNY"}).value,
        one(charge={"amount": "1", "currency": "CNY"}).value,
    ],
)
def test_what_no_meter_publishes_is_passed_over(tmp_path: Path, value: bytes, caplog: pytest.LogCaptureFixture) -> None:
    model = ReadModel(tmp_path / "d.sqlite")
    topics = ("overages", "quota-balances", "statements", "quota-alerts", "plans", "dead-letters")
    strange = [Published(topic, 0, 1, 0, b"a/b/c", value) for topic in topics]
    with caplog.at_level(logging.WARNING):
        model.take([one(1), *strange, one(2)], TODAY)
    assert model.rows("SELECT workspace, revision, charge FROM cells") == [("w", 2, "2.00")]
    assert model.page(f"accounts/a/days/{TODAY}", NOW)["amount"] == "2.00"
    assert len(caplog.records) == 1
    model.close()


def test_quantities_of_any_size_are_kept_exactly(tmp_path: Path) -> None:
    model = ReadModel(tmp_path / "d.sqlite")
    huge = 10**30 + 7
    model.take([one(1, usage=huge, overage=huge, covered=0, delta=huge), one(1, "v")], TODAY)
    page = model.page(f"accounts/a/days/{TODAY}", NOW)
    item = page["items"]["logs"]
    assert {each["workspace"]: each["usage"] for each in item["workspaces"]}["w"] == huge
    assert item["overage"] == huge + 1_000_000
    assert model.rows("SELECT usage FROM items") == [(str(huge + 1_000_000),)]
    model.take([one(2, usage=5, overage=5, covered=0, delta=5 - huge)], TODAY)
    assert model.rows("SELECT usage FROM items") == [(1_000_005,)]
    model.close()


def test_overages_are_taken_before_the_balance_of_their_moment(tmp_path: Path) -> None:
    """Else a workspace that goes over would seem to have reported nothing since the balance."""
    model = ReadModel(tmp_path / "d.sqlite")
    published = figures("a", TODAY, "logs", 10_000_000, {"w": 12_000_000}, "w")
    at_once = [msgspec.structs.replace(each, at_ms=1_770_000_000_000) for each in published]
    model.take([*reversed(at_once)], TODAY)
    (change,) = model.page(f"accounts/a/days/{TODAY}", NOW)["feed"][0]["changes"]
    assert (change["overage"], change["usage_delta"]) == (2_000_000, 12_000_000)
    model.close()
