"""Samples by quarters of an hour: the usage as each quarter ended, kept once a quarter, and the usage now."""

import json
from pathlib import Path
from typing import Any

import msgspec

from meter.dashboard.ingest.published import Published
from meter.rules.billing_days import parse_time
from tests.dashboard.read_models import ReadModel
from tests.dashboard.test_worth import overage

DAY = "2026-02-03"


def at(time: str, usage: int, revision: int, workspace: str = "w") -> Published:
    record: dict[str, Any] = overage(workspace, "package") | {"usage": usage, "revision": revision}
    record["previous_revision"] = revision - 1
    content = json.dumps(record).encode()
    return Published("overages", 0, revision, parse_time(f"{DAY}T{time}Z") // 1000, f"a/{workspace}".encode(), content)


def samples(model: ReadModel, now: str) -> list[tuple[str, int]]:
    page = model.page(f"accounts/a/days/{DAY}", f"{DAY}T{now}Z")
    return [(each["time"][11:16], each["usage"]) for each in page["samples"].get("logs", [])]


def test_a_quarter_is_the_usage_as_it_ended(tmp_path: Path) -> None:
    model = ReadModel(tmp_path / "d.sqlite")
    model.take([at("00:01:00", 5, 1), at("00:14:59", 7, 2), at("00:50:00", 9, 3)], DAY)
    assert samples(model, "00:52:00") == [("00:15", 7), ("00:52", 9)]
    model.take([at("00:59:00", 10, 4), at("01:00:00", 4, 5, "v")], DAY)
    model.take([at("02:31:00", 11, 6)], DAY)
    assert samples(model, "02:40:00") == [("00:15", 7), ("01:00", 10), ("01:15", 14), ("02:40", 15)]
    model.close()


def test_what_comes_after_the_day_makes_no_sample(tmp_path: Path) -> None:
    model = ReadModel(tmp_path / "d.sqlite")
    late = at("23:59:59", 5, 1)
    model.take([late, msgspec.structs.replace(at("00:00:00", 6, 2), at_ms=late.at_ms + 2_000)], DAY)
    assert samples(model, "23:59:59") == [("23:59", 6)]
    assert model.rows("SELECT count(*) FROM samples") == [(0,)]
    model.close()


def test_a_day_of_25_hours_has_a_hundred_quarters(tmp_path: Path) -> None:
    model = ReadModel(tmp_path / "d.sqlite", zone="Europe/Berlin")
    day = "2026-10-25"
    begins, ends = model.calendar.bounds(day)
    records = []
    for quarter in range(100):
        record = overage("w", "package") | {"day": day, "usage": quarter, "revision": quarter + 1}
        content = json.dumps({**record, "previous_revision": quarter}).encode()
        records.append(Published("overages", 0, quarter, begins // 1000 + quarter * 900_000, b"k", content))
    model.take(records, day)
    page = model.page(f"accounts/a/days/{day}", "2026-10-26T12:00:00Z")
    assert page["hours"] == 25
    assert [each["usage"] for each in page["samples"]["logs"]] == list(range(100))
    assert page["samples"]["logs"][-1]["time"] == page["ends"] == model.calendar.time(ends)
    model.close()
