"""The demo's accounts, had they lived five weeks: the check passes, staying is beaten or equalled, documents say so."""

import re
import shlex
from decimal import Decimal

import pytest

from meter.advise.sentences import money, title
from meter.advise.simulation_text import text as simulation_text
from meter.advise.text import text
from tests.advise.demo_weeks import DAYS, PLANS, advised, tried
from tests.support.documents import ROOT, Block, steps

DISCOUNTS = (None, "0.7")
GUIDE = ROOT / "docs/advise.md"
#: Restatable days that the documents show: the horizon.
RESTATABLE = 34
#: The search does not cut charges to 0.01 unit, so that it finds a day dearer than it is by less.
CUT = 0.1


@pytest.mark.parametrize("account", PLANS)
@pytest.mark.parametrize("alike", [True, False])
def test_the_replay_of_an_account_is_its_bill(account: str, alike: bool) -> None:
    check = advised(account, alike=alike).check
    assert check.passed
    assert check.replayed == check.published > 0


@pytest.mark.parametrize("account", PLANS)
@pytest.mark.parametrize("discount", DISCOUNTS)
def test_the_best_beats_or_equals_staying(account: str, discount: str | None) -> None:
    advice = advised(account, discount)
    table = advice.from_today
    better = [each for each in table.alternatives if each.saving.mean > 0]
    assert [each.cost_a_day < table.base.cost_a_day for each in better] == [True] * len(better)
    if not better:
        assert any(line.startswith("Staying costs least") for line in text(advice, 0))
    found = table.searched.found[0]  # of all portfolios, staying among them, by the search
    assert found.cost / DAYS <= float(table.base.cost_a_day) + CUT
    first = table.alternatives[0]
    by_day = zip(table.base.outcome.due, first.outcome.due, strict=True)
    saved = sum((before - after for before, after in by_day), Decimal(0)) / DAYS - first.price.a_day
    assert money(saved) == money(table.base.cost_a_day - first.cost_a_day)


@pytest.mark.parametrize(("account", "best"), [("lumen", "10 traffic"), ("juniper", "")])
def test_what_is_best_without_discounts(account: str, best: str) -> None:
    better = [each for each in advised(account, alike=True).from_today.alternatives if each.saving.mean > 0]
    assert [title(each.changes) for each in better[:1]] == ([best] if best else [])


@pytest.mark.parametrize("account", PLANS)
def test_with_a_discount_every_account_with_a_plan_or_enough_usage_beats_staying(account: str) -> None:
    best = advised(account, "0.7").from_today.alternatives[0]
    if account == "orbit":
        assert best.saving.mean <= 0, "61.30 a day by usage is less than any package"
    else:
        assert best.saving.p10 > 0
        assert best.wins > DAYS // 2


def table() -> str:
    """The table of docs/advise.md: what the best from today is for each account, with the check."""
    head = (
        "| account | traffic at | check | stays at | best from today | costs | saves |\n|---|---|---|---|---|---|---|\n"
    )
    rows = []
    for account in PLANS:
        for discount in DISCOUNTS:
            advice = advised(account, discount)
            base = advice.from_today.base
            better = [each for each in advice.from_today.alternatives if each.saving.mean > 0]
            best = better[0] if better else base
            name = title(best.changes) if better else "stay"
            check = f"{money(advice.check.replayed)} = {money(advice.check.published)}"
            costs = (money(base.cost_a_day), name, money(best.cost_a_day), money(best.saving.mean))
            rows.append(f"| {' | '.join((account, discount or 'latest', check, *costs))} |\n")
    return head + "".join(rows)


def test_the_guide_prints_it() -> None:
    assert table() in GUIDE.read_text(encoding="utf-8"), f"docs/advise.md should have:\n{table()}"


def is_session(block: Block) -> bool:
    """Any session, also one that needs days which the suite's meters do not have: this test has them."""
    return block.language == "console"


SESSIONS = [
    pytest.param(step.command, step.expected, id=f"{name}: {step.command[:40]}")
    for name in ("docs/commands.md", "docs/advise.md")
    for step in steps(ROOT / name, is_session)
    if re.match(r"meter (advise|simulate) ", step.command)
]


def test_the_documents_show_sessions_of_advice() -> None:
    assert SESSIONS


@pytest.mark.parametrize(("command", "shown"), SESSIONS)
def test_what_documents_show_is_what_is_said(command: str, shown: str) -> None:
    _, kind, account, *options = shlex.split(command)
    pairs = list(zip(options[::2], options[1::2], strict=True))
    if kind == "advise":
        lines = text(advised(account, dict(pairs).get("--discount")), RESTATABLE)
    else:
        words: dict[str, list[str]] = {}
        for option, word in pairs:
            words.setdefault(option.removeprefix("--").replace("-", "_"), []).append(word)
        lines = simulation_text(tried(account, **words), RESTATABLE)
    assert shown.rstrip() == "\n".join(lines).rstrip()
