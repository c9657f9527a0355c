"""Two days beside each other: every cell that differs is named, and together they are the difference."""

from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.dashboard.live_board import figures
from tests.dashboard.page_models import MILLION
from tests.dashboard.read_models import ReadModel

FIRST, SECOND, TODAY = "2026-02-01", "2026-02-02", "2026-02-03"
NOW = f"{TODAY}T12:00:00Z"


def days(model: ReadModel, seed: int) -> dict[str, Any]:
    """Random usage of a few workspaces on two days; the comparison of the history page."""
    rng = Random(seed)
    for day in (FIRST, SECOND):
        for item in ("logs", "traces", "pv"):
            usages = {name: rng.randrange(4) * MILLION for name in "abc" if rng.random() < 0.8}
            if usages:
                model.take(figures("acme", day, item, 3 * MILLION, usages, "a"), TODAY)
    found: dict[str, Any] = model.page("/accounts/acme/history", NOW, **{"from": FIRST, "to": SECOND})["comparison"]
    return found


@pytest.mark.parametrize("seed", range(20))
def test_the_differences_of_the_cells_are_the_difference_of_the_days(tmp_path: Path, seed: int) -> None:
    model = ReadModel(tmp_path / "dashboard.sqlite")
    try:
        found = days(model, seed)
        amounts = [model.page(f"/accounts/acme/days/{day}", NOW)["workspaces"] for day in (FIRST, SECOND)]
    finally:
        model.close()
    sums = [sum(Decimal(each["charge"]) for each in workspaces) for workspaces in amounts]
    assert [Decimal(found["amount_before"]), Decimal(found["amount"])] == sums
    assert sum(Decimal(cell["difference"]) for cell in found["cells"]) == Decimal(found["difference"])
    assert Decimal(found["difference"]) == sums[1] - sums[0]
    assert all(
        cell["charge"] != cell["charge_before"] or cell["overage"] != cell["overage_before"] for cell in found["cells"]
    )


@pytest.mark.parametrize(("first", "second"), [("", ""), ("2026-02-01", ""), ("2026-02-30", "x"), ("<b>", "<i>")])
def test_what_names_no_two_days_compares_nothing(tmp_path: Path, first: str, second: str) -> None:
    model = ReadModel(tmp_path / "dashboard.sqlite")
    try:
        model.take(figures("acme", FIRST, "logs", MILLION, {"a": 2 * MILLION}, "a"), TODAY)
        page = model.page("/accounts/acme/history", NOW, **{"from": first, "to": second})
    finally:
        model.close()
    assert page["comparison"] is None


def test_a_day_that_is_no_longer_kept_is_named(tmp_path: Path) -> None:
    model = ReadModel(tmp_path / "dashboard.sqlite")
    try:
        model.take(figures("acme", FIRST, "logs", MILLION, {"a": 2 * MILLION}, "a"), TODAY)
        page = model.page("/accounts/acme/history", NOW, **{"from": "2025-06-01", "to": FIRST})
    finally:
        model.close()
    assert "2025-06-01 has its statement only" in page["comparison"]["reason"]
