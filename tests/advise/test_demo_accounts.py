"""The demo's accounts, had they lived five weeks as on their day: the check passes, better is found where it can be."""

from collections import defaultdict
from decimal import Decimal

import pytest

from meter.advise.advice import Advice, advice_of
from meter.advise.sentences import title
from meter.demo import story
from schemas.rows import Plan
from tests.advise.accounts import FIRST, Usage, history, plan

#: Plans as they are at the end of the demo's day.
PLANS: dict[str, tuple[Plan, ...]] = {
    "acme": (plan("acme-plan", "startup", "acme-prod", "acme-staging", traffic=(("logs", 110, "1"),)),),
    "juniper": (
        plan(
            "juniper-plan",
            "growth",
            *(workspace.name for workspace in story.WORKSPACES if workspace.account == "juniper"),
        ),
    ),
    "lumen": (plan("lumen-plan", "startup", "lumen-app", traffic=(("logs", 30, "0.8"),)),),
    "nimbus": (plan("nimbus-plan", "startup", "nimbus-web", "nimbus-api", "nimbus-beta"),),
    "orbit": (),
}
DEFAULTS = {"logs": 14, "traces": 7, "pv": 7}


def used(account: str) -> Usage:
    """What the account's workspaces use in a day of the demo; who stays free is left out."""
    found: dict[str, dict[str, dict[int, int] | int]] = {}
    for workspace in story.WORKSPACES:
        if workspace.account != account or workspace.name == "nimbus-docs":
            continue
        items: dict[str, dict[int, int] | int] = {}
        by_retention: dict[str, dict[int, int]] = defaultdict(dict)
        for use in workspace.uses:
            if use.item in DEFAULTS:
                by_retention[use.item][use.retention_days or DEFAULTS[use.item]] = use.total
            else:
                items[use.item] = use.total
        found[workspace.name] = {**items, **by_retention}
    return found


def advised(account: str, discount: str | None = None) -> Advice:
    told = history(35, lambda day: used(account), *PLANS[account], account=account)
    return advice_of(told, FIRST + 36, discount=None if discount is None else Decimal(discount))


@pytest.mark.parametrize("account", PLANS)
def test_the_replay_of_an_account_is_its_bill(account: str) -> None:
    assert advised(account).check.passed


@pytest.mark.parametrize(("account", "best"), [("lumen", "10 traffic"), ("juniper", "")])
def test_what_is_best_without_discounts(account: str, best: str) -> None:
    better = [each for each in advised(account).from_today.alternatives if each.saving.mean > 0]
    assert [title(each.changes) for each in better[:1]] == ([best] if best else [])


@pytest.mark.parametrize("account", PLANS)
def test_with_a_discount_every_account_with_a_plan_or_enough_usage_beats_staying(account: str) -> None:
    best = advised(account, "0.7").from_today.alternatives[0]
    if account == "orbit":
        assert best.saving.mean <= 0, "61.30 a day by usage is less than any package"
    else:
        assert best.saving.p10 > 0
        assert best.wins == 35
