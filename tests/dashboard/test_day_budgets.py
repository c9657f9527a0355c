"""Budgets on the day page: what each one counts is what `meter budget watch` counts, its states are those published."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from meter.budgets.account import AccountBudgets, SetBudget
from meter.budgets.periods import period_of
from meter.dashboard.ingest.published import Published, Region
from meter.dashboard.pages import render
from meter.rules.billing_days import parse_day, parse_time
from schemas.budgets import Budget
from schemas.catalog import load_catalog
from schemas.overages import Overage
from tests.dashboard.page_models import DAY, site, worked_day
from tests.dashboard.read_models import ReadModel
from tests.dashboard.test_worth import overage

TODAY, NOW = "2026-02-03", "2026-02-03T12:00:00Z"
MILLION = 1_000_000
CATALOG = load_catalog(Path(__file__).parents[2] / "meter" / "catalog.toml")
SET = parse_time("2026-02-01T00:00:00Z") // 1000


@pytest.fixture
def model(tmp_path: Path) -> Iterator[ReadModel]:
    found = ReadModel(tmp_path / "d.sqlite", catalog=CATALOG)
    yield found
    found.close()


def budget(name: str, offset: int = 0, at_ms: int = SET, **fields: Any) -> Published:
    record = {"account": "a", "budget": name, "period": "day", **fields}
    return Published("budgets", 0, offset, at_ms, f"a/{name}".encode(), json.dumps(record).encode())


def alert(name: str, threshold: int, state: str, revision: int, since: str = TODAY, kind: str = "actual") -> Published:
    record = {"account": "a", "budget": name, "since": since, "period": "day", "kind": kind, "threshold": threshold}
    record |= {"state": state, "limit": "10.00", "value": "9.00", "at": NOW, "cause": "usage", "figure_revision": 3}
    record |= {"budget_revision": 1, "revision": revision}
    key = f"a/{name}/{since}/{kind}/{threshold}".encode()
    return Published("budget-alerts", 0, revision, SET, key, json.dumps(record).encode())


def used(workspace: str, item: str, million: int, revision: int, day: str = TODAY) -> Published:
    record = overage(workspace, "pay_as_you_go") | {"day": day, "item": item, "revision": revision}
    record |= {"usage": million * MILLION, "overage": million * MILLION, "previous_revision": 0}
    record["charge"] = {"amount": f"{million * 1.5:.2f}", "currency": "CNY", "lines": []}
    at_ms = parse_time(f"{day}T08:00:00Z") // 1000
    return Published(
        "overages", 0, revision, at_ms, f"a/{workspace}/{item}/{day}".encode(), json.dumps(record).encode()
    )


FIGURES = [
    used("w", "logs", 4, 1),
    used("v", "logs", 2, 2),
    used("w", "traces", 1, 3),
    used("w", "logs", 10, 4, "2026-02-02"),
    used("w", "logs", 90, 5, "2026-01-31"),
]
BUDGETS: dict[str, dict[str, Any]] = {
    "day": {"amount": "10.00"},
    "month": {"amount": "20.00", "period": "month"},
    "of-w": {"amount": "10.00", "workspace": "w"},
    "units": {"units": 8 * MILLION, "item": "logs"},
    "units-month": {"units": 8 * MILLION, "item": "logs", "workspace": "w", "period": "month"},
}


def shown(model: ReadModel, day: str = TODAY) -> dict[str, Any]:
    return {each["budget"]["budget"]: each for each in model.page(f"accounts/a/days/{day}", NOW)["budgets"]}


def test_a_budget_counts_what_the_watch_counts(model: ReadModel) -> None:
    model.take(
        [*FIGURES, *(budget(name, place, **fields) for place, (name, fields) in enumerate(BUDGETS.items()))], TODAY
    )
    known = {
        name: SetBudget(Budget.model_validate({"account": "a", "budget": name, "period": "day", **fields}), 1, 0, 0)
        for name, fields in BUDGETS.items()
    }
    watched = AccountBudgets("a", known, {})
    for each in FIGURES:
        found = Overage.model_validate_json(each.value)
        day = parse_day(found.day)
        watched.charged(day, found.item, found.workspace, found.revision, found.usage, found.charge.amount)
    for name, each in shown(model).items():
        value = watched.value(known[name].budget, period_of(known[name].budget.period, parse_day(TODAY)))
        assert Decimal(each["value"]) == value, name
    assert {name: (each["value"], each["percent"]) for name, each in shown(model).items()} == {
        "day": ("10.50", 105),
        "month": ("25.50", 127),
        "of-w": ("7.50", 75),
        "units": ("6000000", 75),
        "units-month": ("14000000", 175),
    }


def test_a_budget_counts_from_the_period_in_which_it_was_set(model: ReadModel) -> None:
    model.take([*FIGURES, budget("day", amount="10.00"), budget("month", 1, amount="20.00", period="month")], TODAY)
    assert set(shown(model, "2026-02-01")) == {"day", "month"}
    assert set(shown(model, "2026-01-31")) == set()


def test_states_are_those_of_the_newest_alerts_of_the_period(model: ReadModel) -> None:
    alerts = [alert("day", 80, "raised", 1), alert("day", 100, "raised", 2), alert("day", 100, "cleared", 3)]
    other = [alert("day", 80, "raised", 4, "2026-02-02"), alert("day-2", 80, "raised", 5)]
    model.take([*FIGURES, budget("day", amount="10.00"), *alerts, *other], TODAY)
    states = shown(model)["day"]["states"]
    assert [(each["threshold"], each["state"]) for each in states] == [(80, "raised"), (100, "cleared")]


def test_a_budget_that_is_cleared_is_gone_and_one_that_is_set_again_is_back(model: ReadModel) -> None:
    first, gone = budget("day", 0, amount="10.00"), Published("budgets", 0, 1, SET, b"a/day", b"")
    assert model.take([*FIGURES, first], TODAY) >= {Region("budgets", "a")}
    assert model.take([gone], TODAY) == {Region("budgets", "a")}
    assert shown(model) == {}
    model.take([first], TODAY)  # read again: what it took away stays away only while that is read again, too
    model.take([gone, budget("day", 2, amount="30.00")], TODAY)
    assert shown(model)["day"]["limit"] == "30.00"


def test_topics_made_again_hold_the_only_budgets(model: ReadModel) -> None:
    model.store.begin("m", "first")
    model.take([*FIGURES, budget("day", amount="10.00"), alert("day", 80, "raised", 1)], TODAY)
    assert model.store.begin("m", "first")
    assert set(shown(model)) == {"day"}
    assert model.store.begin("m", "second"), "the figures stay"
    assert shown(model) == {}
    assert model.rows("SELECT topic FROM positions") == [("overages",)]
    assert model.rows("SELECT count(*) FROM cells") == [(5,)]


def test_alerts_of_days_that_are_gone_go_with_them(model: ReadModel) -> None:
    model.take([*FIGURES, budget("day", amount="10.00"), alert("day", 80, "raised", 1)], TODAY)
    model.take([], "2026-04-01")
    assert model.rows("SELECT kind FROM records") == [("budgets",)]


@pytest.mark.parametrize(
    "value", [b"{}", b"[]", b"\xff", b'{"account":"a","budget":"b","period":"year","amount":"1.00"}']
)
def test_what_is_no_budget_is_passed_over(model: ReadModel, value: bytes) -> None:
    strange = [Published(topic, 0, 7, SET, b"a/day", value) for topic in ("budgets", "budget-alerts")]
    model.take([*FIGURES, *strange], TODAY)
    assert shown(model) == {}


def test_the_log_shows_foreign_text_escaped_on_one_line(model: ReadModel, caplog: pytest.LogCaptureFixture) -> None:
    record = {"account": "a", "budget": "\u202eevil\nINFO all is well", "period": "day", "amount": "1.00"}
    strange = Published("budgets", 0, 7, SET, b"a/\xe2\x80\xae\n", json.dumps(record, ensure_ascii=False).encode())
    model.take([*FIGURES, strange], TODAY)
    (said,) = [each.getMessage() for each in caplog.records]
    assert said.startswith("dashboard: budgets/0 at 7 is no record of a meter")
    assert "\\n" in said, "what the error quotes is on one line"
    assert "\u202e" not in said
    assert said.isprintable()


def test_the_page_shows_each_with_its_limit_and_states() -> None:
    record = {"account": "acme", "budget": "logs-cap", "period": "month", "item": "logs", "units": 100, "actual": [80]}
    state = {"kind": "actual", "threshold": 80, "state": "raised", "value": "85", "at": NOW}
    each = {"budget": record, "since": "2026-01-01", "limit": "100", "value": "85", "percent": 85, "states": [state]}
    text = " ".join(render.page("day", {**worked_day(), "budgets": [each]}, site(f"/accounts/acme/days/{DAY}")).split())
    assert "the month since 2026-01-01" in text
    assert 'aria-label="85 % of the limit"' in text
    assert '<span class="threshold threshold-80"' in text
    empty = render.page("day", worked_day(), site(f"/accounts/acme/days/{DAY}"))
    assert "meter budget set acme daily --money 500.00" in empty
