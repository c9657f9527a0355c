"""The words of `meter budget`: what they make, and what is wrong with them."""

import pytest

from meter.cli.budget import budget_of, listed, percents, sentence
from meter.commands.budgets import Standing
from meter.errors import UserError
from schemas.budgets import BudgetAlert

FIELDS: dict[str, object] = {
    "account": "acct_1",
    "budget": "cap",
    "workspace": None,
    "item": None,
    "amount": "500.00",
    "units": None,
    "actual": (80, 100),
    "forecast": (),
    "period": "day",
}


def test_a_budget_is_explained_in_a_line() -> None:
    assert sentence(budget_of(FIELDS)) == "cap: 500.00 a day, alerts at 80 %, 100 %"
    units = FIELDS | {"amount": None, "units": 2_000_000, "item": "logs", "workspace": "w", "forecast": (100,)}
    assert sentence(budget_of(units)) == "cap: 2,000,000 of logs of w a day, alerts at 80 %, 100 %, 100 % estimated"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"amount": None}, "either an amount or units"),
        ({"units": 3}, "either an amount or units"),
        ({"amount": None, "units": 3}, "units are of an item"),
        ({"amount": "0"}, "a limit is above 0"),
        ({"amount": "5 yuan"}, "--money: money must be a decimal string"),
        ({"actual": ()}, "at least one threshold"),
        ({"actual": (0,)}, "greater than or equal to 1"),
        ({"budget": "a b"}, "budget: "),
    ],
)
def test_what_is_no_budget_is_named(fields: dict[str, object], problem: str) -> None:
    with pytest.raises(UserError, match=problem):
        budget_of(FIELDS | fields)


def test_percents_are_whole_and_rise() -> None:
    assert percents("--actual", "100, 80,80") == (80, 100)
    assert percents("--forecast", "") == ()
    with pytest.raises(UserError, match="whole percents"):
        percents("--actual", "80%")


def test_states_are_listed_below_the_budgets() -> None:
    budget = budget_of(FIELDS)
    alert = BudgetAlert(
        account="acct_1",
        budget="cap",
        since="2026-11-29",
        period="day",
        kind="actual",
        threshold=80,
        state="raised",
        limit="500.00",
        value="435.00",
        at="2026-11-29T10:47:44.378000Z",
        cause="usage",
        figure_revision=3,
        budget_revision=1,
        revision=1,
    )
    assert listed("acct_1", Standing({"cap": budget}, [alert]), json=False) == [
        "cap: 500.00 a day, alerts at 80 %, 100 %",
        "  2026-11-29 cap 80 % reached: raised, 435.00 of 500.00, 2026-11-29T10:47:44Z",
    ]
    assert str(listed("acct_1", Standing({}, []), json=False)[0]).startswith("account acct_1 has no budgets")
