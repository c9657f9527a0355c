"""A simulation replays closed days under changed plans; the order of one list moves overage, not its sum."""

from decimal import Decimal

import pytest

from meter.advise import text as advise_text
from meter.advise.advice import advice_of
from meter.advise.changes import order_lines
from meter.advise.savings import cents
from meter.advise.simulation import Simulation, simulated
from meter.advise.simulation_text import text
from meter.advise.words import changes_of
from meter.errors import UserError
from tests.advise.accounts import FIRST, MILLION, Usage, history, plan

TODAY = FIRST + 30


def usage(day: int) -> Usage:
    return {"prod": {"logs": {14: (60 + day % 5) * MILLION}}, "staging": {"logs": {14: 40 * MILLION}}}


def of(*words: str, days: int = 14) -> Simulation:
    """A simulation beside the plan o-1 (startup) for prod and staging; words as on the command line."""
    options: dict[str, list[str]] = {"buy": [], "add-traffic": [], "upgrade": [], "workspaces": [], "without": []}
    for word in words:
        name, _, value = word.partition(" ")
        options[name].append(value)
    return simulated(
        history(days, usage, plan("o-1", "startup", "prod", "staging")), TODAY, changes_of(*options.values())
    )


def test_the_order_of_one_list_moves_what_is_over_and_not_its_sum() -> None:
    found = of("workspaces o-1=staging,prod")
    assert found.only_order
    assert found.was.outcome.total == found.then.outcome.total
    before, after = found.was.outcome.by_workspace, found.then.outcome.by_workspace
    assert before["prod"] - after.get("prod", 0) == after.get("staging", 0) - before["staging"] != 0
    assert any("That moves overage between workspaces" in line for line in text(found, 0))


def test_a_plan_bought_is_counted_pro_rata_over_its_validity() -> None:
    found = of("buy startup=prod,staging", "add-traffic new-1:logs=30@0.8")
    assert cents(found.then.packages_a_day - found.was.packages_a_day) == Decimal("148.90"), "112.90 and 36"
    assert found.price.now == 42_000 + 13_392
    assert found.then.outcome.total == 0


def test_a_plan_can_be_swapped_for_another() -> None:
    found = of("without o-1", "buy growth=prod,staging")
    assert cents(found.was.packages_a_day) == Decimal("112.90")
    assert cents(found.then.packages_a_day) == Decimal("752.69")
    assert order_lines("acct_1", found.changes) == ["meter buy acct_1 growth prod staging --pay auto"]


def test_a_workspace_that_was_not_charged_is_named() -> None:
    lines = list(text(of("workspaces o-1=prod,stagign"), 0))
    assert "No usage to charge on these days: stagign." in lines


def test_without_changes_it_is_the_check_alone() -> None:
    lines = list(text(of(), 0))
    assert any("equal" in line for line in lines)
    assert any("No change is named" in line for line in lines)


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("upgrade o-9=growth", "no plan 'o-9': its plans are o-1"),
        ("upgrade o-1=gold", "unknown plan package 'gold'"),
        ("upgrade o-1=startup", "an upgrade must go up in price"),
        ("buy startup", "--buy is two names"),
        ("buy startup=a,a", "each once"),
        ("add-traffic o-1:logs=x", "ITEM=UNITS"),
        ("add-traffic o-1:gold=1", "unknown item 'gold'"),
        ("without o-2", "no plan 'o-2'"),
    ],
)
def test_what_cannot_be_is_explained_in_a_sentence(word: str, problem: str) -> None:
    with pytest.raises(UserError, match=problem):
        of(word)


def test_every_line_fits_a_terminal_but_commands() -> None:
    lines = list(text(of("buy growth=prod,staging", "without o-1", "add-traffic new-1:logs=3", days=20), 4))
    assert [line for line in lines if len(line) > 80 and "meter " not in line] == []


@pytest.mark.parametrize("coverage", [None, Decimal("0.9")])
def test_advice_fits_a_terminal_too(coverage: Decimal | None) -> None:
    logged = history(20, usage, plan("o-1", "startup", "prod", "staging", traffic=(("logs", 3, "0.75"),)))
    lines = list(advise_text.text(advice_of(logged, TODAY, coverage, Decimal("0.75")), 4))
    assert [line for line in lines if len(line) > 80 and "meter " not in line] == []
    assert any(line.startswith("Check: 20 days replayed as they were") for line in lines)


@pytest.mark.parametrize("days", [0, 14])
def test_a_refusal_begins_with_a_word_of_ours_since_a_page_gives_it_a_capital(days: int) -> None:
    told = history(days, lambda day: {}, account="acme")
    with pytest.raises(UserError, match=r"^(too little|nothing) to advise: acme"):
        advice_of(told, TODAY)
    if not days:
        with pytest.raises(UserError, match=r"^no closed day of acme"):
            simulated(told, TODAY, [])
