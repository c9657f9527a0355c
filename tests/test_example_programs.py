"""What the readers in docs/examples do with repeats, gaps, restatements and rounding; Kafka is theirs elsewhere."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PROGRAMS = Path(__file__).parents[1] / "docs/examples/python"


def program(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A program as a module, as Python finds it when it is run in its directory."""
    monkeypatch.syspath_prepend(PROGRAMS)
    for loaded in ("overages", "invoice"):
        monkeypatch.delitem(sys.modules, loaded, raising=False)
    return __import__(name)


def overage(revision: int, before: int, total: int, delta: int) -> dict[str, Any]:
    """A revision of one figure."""
    key = {"account": "a", "workspace": "w", "item": "logs", "day": "2026-01-31"}
    return {**key, "revision": revision, "previous_revision": before, "overage": total, "delta": delta}


KEY = ("a", "w", "logs", "2026-01-31")
FIRST, SECOND, THIRD = overage(3, 0, 10, 10), overage(5, 3, 4, -6), overage(9, 5, 2 * 10**20, 2 * 10**20 - 4)


@pytest.mark.parametrize(
    ("read", "total"),
    [
        ([FIRST, SECOND, THIRD], 2 * 10**20),
        ([FIRST, FIRST, SECOND, FIRST, SECOND], 4),
        ([SECOND], 4),
        ([FIRST, THIRD], 2 * 10**20),
    ],
    ids=["in order", "read again", "the first is compacted away", "one between is compacted away"],
)
def test_both_ways_of_reading_agree(read: list[Any], total: int, monkeypatch: pytest.MonkeyPatch) -> None:
    overages = program("overages", monkeypatch)
    assert overages.added_up(read) == {KEY: total}
    assert {key: record["overage"] for key, record in overages.latest(read).items()} == {KEY: total}


def account_day(day: str, due: str, revision: int, restated: bool = False) -> dict[str, Any]:
    """An account's statement."""
    return {"account": "a", "day": day, "amount_due": due, "revision": revision, "restated": restated}


def workspace_day(day: str, amount: str, revision: int) -> dict[str, Any]:
    """A workspace's statement with one item."""
    items = [{"item": "logs", "charge": {"amount": amount}}]
    return {"account": "a", "day": day, "workspace": "w", "revision": revision, "items": items}


def test_an_invoice_bills_the_last_statement_of_each_day_of_the_month(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    invoice = program("invoice", monkeypatch)
    statements = [
        account_day("2026-01-30", "9.00", 7),
        workspace_day("2026-01-30", "9.00", 7),
        account_day("2026-01-30", "5.01", 8, restated=True),
        workspace_day("2026-01-30", "5.005", 8),
        workspace_day("2026-01-30", "9.00", 7),
        account_day("2026-01-31", "1.00", 9),
        workspace_day("2026-01-31", "1.00", 9),
        account_day("2026-02-01", "70.00", 9),
        {**account_day("2026-01-31", "70.00", 9), "account": "b"},
    ]
    monkeypatch.setattr(invoice, "records", lambda _: iter(statements))
    invoice.main("a", "2026-01")
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert printed == [
        ["w", "logs", "6.005"],
        ["rounding", "0.005"],
        ["total", "of", "2", "days", "6.01", "(1", "restated)"],
    ]
