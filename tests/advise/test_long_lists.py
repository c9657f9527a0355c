"""Advice for more workspaces than an order may list: what is advised can be ordered, and is what was replayed."""

from decimal import Decimal

import pytest

from meter.advise import alternatives, search
from meter.advise.advice import Advice, advice_of
from meter.advise.alternatives import Alternative
from meter.advise.changes import Buy, ChangeWorkspaces
from schemas.ids import WORKSPACES_LIMIT
from schemas.rows import Plan
from tests.advise.accounts import FIRST, MILLION, Usage, history, plan

TODAY = FIRST + 30
WORKSPACES, FEW = 12, 10


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if an order could list ten workspaces."""
    for module in (alternatives, search):
        monkeypatch.setattr(module, "WORKSPACES_LIMIT", FEW)


def names(first: int, end: int) -> list[str]:
    """The later in the alphabet the more usage they have."""
    return [f"w{number:04}" for number in range(first, end)]


def idle(count: int) -> list[str]:
    """Workspaces that had no usage."""
    return [f"x{number:04}" for number in range(count)]


def advised(*plans: Plan, coverage: Decimal | None = None) -> Advice:
    usage: Usage = {who: {"logs": {14: (10 + number) * MILLION}} for number, who in enumerate(names(0, WORKSPACES))}
    return advice_of(history(14, lambda day: usage, *plans), TODAY, coverage, Decimal("0.8"))


def everything(advice: Advice) -> list[Alternative]:
    return [*advice.from_today.alternatives, *advice.hindsight.alternatives]


def lists_of(each: Alternative) -> list[tuple[str, ...]]:
    return [change.workspaces for change in each.changes if isinstance(change, Buy | ChangeWorkspaces)]


def test_no_order_for_1_010_workspaces_lists_more_than_the_meter_takes() -> None:
    usage: Usage = {who: {"logs": {14: MILLION}} for who in names(0, 1_010)}
    found = advice_of(history(14, lambda day: usage), TODAY)
    lists = [listed for each in everything(found) for listed in lists_of(each)]
    assert lists and max(map(len, lists)) == WORKSPACES_LIMIT
    assert "a plan lists at most 1,000 workspaces" in found.from_today.searched.sentence()


@pytest.mark.usefixtures("few")
def test_of_too_many_those_with_the_largest_usage_are_listed_and_the_others_counted_as_unlisted() -> None:
    found = advised()
    assert any(lists_of(each) for each in everything(found))
    for each in everything(found):
        for listed in lists_of(each):
            assert sorted(listed) == names(2, WORKSPACES)
            assert each.listed == {*listed}
            assert each.unlisted == {*names(0, 2)}
    assert "a plan lists at most 10 workspaces" in found.from_today.searched.sentence()


def test_nothing_is_said_of_a_limit_that_nobody_reaches() -> None:
    assert "at most" not in advised().from_today.searched.sentence()


@pytest.mark.usefixtures("few")
def test_who_is_listed_today_stays_with_names_that_had_no_usage() -> None:
    found = advised(plan("o-1", "startup", *names(0, 5), *idle(3)))
    changes = [change for each in found.from_today.alternatives for change in each.changes]
    lists = [change.workspaces for change in changes if isinstance(change, ChangeWorkspaces)]
    assert lists
    for listed in lists:
        assert listed == (*names(0, 5), *idle(3), *reversed(names(WORKSPACES - 2, WORKSPACES)))
    bought = [change.workspaces for change in changes if isinstance(change, Buy)]
    assert bought
    for listed in bought:
        assert listed == (*names(0, 5), *reversed(names(WORKSPACES - 5, WORKSPACES)))


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("coverage", [None, Decimal("0.7")])
def test_plans_that_list_more_together_keep_whom_they_list(coverage: Decimal | None) -> None:
    plans = plan("o-1", "startup", *names(0, 6), *idle(4)), plan("o-2", "startup", *names(6, WORKSPACES))
    found = advised(*plans, coverage=coverage)
    assert found.from_today.alternatives
    for each in found.from_today.alternatives:
        assert all(len(listed) <= FEW for listed in lists_of(each))
        assert each.listed == {*names(0, WORKSPACES)}
        assert "o-1" not in {change.plan_id for change in each.changes if isinstance(change, ChangeWorkspaces)}


@pytest.mark.usefixtures("few")
def test_a_full_list_of_names_without_usage_takes_nobody_in() -> None:
    found = advised(plan("o-1", "startup", *idle(FEW)))
    for each in found.from_today.alternatives:
        assert not any(isinstance(change, ChangeWorkspaces) for change in each.changes)
        bought = [change.workspaces for change in each.changes if isinstance(change, Buy)]
        assert each.listed == {*(bought[0] if bought else ())}
    assert any(each.listed for each in found.from_today.alternatives), "a plan that is bought lists ten"


@pytest.mark.usefixtures("few")
def test_traffic_packages_are_as_many_as_pay_for_those_who_can_be_listed() -> None:
    fills = [fill for each in advised().from_today.alternatives for fill in each.fills.values()]
    assert fills and min(fills) >= 0.8, "at the discount of 0.8"


@pytest.mark.usefixtures("few")
def test_a_share_of_usage_that_no_list_can_cover_is_not_promised() -> None:
    assert advised(coverage=Decimal("0.85")).from_today.alternatives
    assert not advised(coverage=Decimal("0.95")).from_today.alternatives
