"""The laws of SPEC section 4, and the total order in which plans are drawn."""

from hypothesis import strategies as st

from schemas.rows import Plan
from tests.rules.laws import Law, Rules
from tests.strategies import Case, cases, more_offered, more_usage, plan_rows, whole_plans


def overages(rules: Rules, case: Case) -> dict[str, int]:
    """The overage of each workspace."""
    covered = rules.allocate(case.shares, case.usage).covered
    return {workspace: used - covered[workspace] for workspace, used in case.usage.items()}


def nothing_is_lost(rules: Rules, case: Case) -> None:
    allocation = rules.allocate(case.shares, case.usage)
    assert allocation.covered.keys() == case.usage.keys()
    for workspace, used in case.usage.items():
        from_plans = sum(draws.get(workspace, 0) for draws in allocation.drawn.values())
        assert allocation.covered[workspace] == from_plans, "coverage is what was drawn from plans"
        assert 0 <= from_plans <= used, "coverage and overage make usage, both at least 0"


def nobody_draws_too_much(rules: Rules, case: Case) -> None:
    drawn = rules.allocate(case.shares, case.usage).drawn
    assert drawn.keys() <= {plan_id for plan_id, _, _ in case.shares}
    for plan_id, quota, listed in case.shares:
        draws = drawn.get(plan_id, {})
        assert sum(draws.values()) <= quota
        assert draws.keys() <= set(listed)
        assert all(draw > 0 for draw in draws.values())


def earlier_ones_come_first(rules: Rules, case: Case) -> None:
    drawn = rules.allocate(case.shares, case.usage).drawn
    over = overages(rules, case)
    for plan_id, _, listed in case.shares:
        for place, workspace in enumerate(listed):
            if workspace in drawn.get(plan_id, {}):
                assert all(over[earlier] == 0 for earlier in listed[:place])


def nothing_is_wasted(rules: Rules, case: Case) -> None:
    drawn = rules.allocate(case.shares, case.usage).drawn
    over = overages(rules, case)
    for plan_id, quota, listed in case.shares:
        if sum(drawn.get(plan_id, {}).values()) < quota:
            assert all(over[workspace] == 0 for workspace in listed)


def more_usage_lowers_no_overage(rules: Rules, example: tuple[Case, Case]) -> None:
    before, after = (overages(rules, case) for case in example)
    assert all(after[workspace] >= before[workspace] for workspace in before)


def more_offered_raises_no_overage(rules: Rules, example: tuple[Case, Case]) -> None:
    before, after = (overages(rules, case) for case in example)
    assert all(after[workspace] <= before[workspace] for workspace in before)


def order_of_usage_is_irrelevant(rules: Rules, case: Case) -> None:
    turned = dict(reversed(case.usage.items()))
    assert rules.allocate(case.shares, turned) == rules.allocate(case.shares, case.usage)


def one_plan_for_all_covers_its_quota(rules: Rules, case: Case) -> None:
    ((_, quota, _),) = case.shares
    assert sum(overages(rules, case).values()) == max(0, sum(case.usage.values()) - quota)


ALLOCATION = (
    Law("1: coverage + overage = usage", cases(), nothing_is_lost),
    Law("2: no plan gives more than its quota, or to others than it lists", cases(), nobody_draws_too_much),
    Law("3: who draws has nobody uncovered before him on the list", cases(), earlier_ones_come_first),
    Law("4: nobody is over beside quota left", cases(), nothing_is_wasted),
    Law("5: more usage never lowers an overage", more_usage(), more_usage_lowers_no_overage),
    Law("5: more to draw from never raises an overage", more_offered(), more_offered_raises_no_overage),
    Law("6: the order in which usage stands is irrelevant", cases(), order_of_usage_is_irrelevant),
    Law("7: one plan for all: overage = max(0, usage - quota)", whole_plans(), one_plan_for_all_covers_its_quota),
)


def the_narrowest_plan_is_first(rules: Rules, example: tuple[list[Plan], int]) -> None:
    plans, day = example
    listed = {
        plan.plan_id: [each.workspaces for each in plan.lists if each.since <= day][-1]
        for plan in plans
        if plan.first_day <= day <= plan.last_day
    }
    quotas = {
        plan.plan_id: sum(([each.quotas for each in plan.packages if each.since <= day][-1:] or [{}])[0].values())
        for plan in plans
    }
    ends = {plan.plan_id: (plan.last_day, plan.first_day, plan.plan_id) for plan in plans}
    right = sorted(listed, key=lambda plan_id: (len(listed[plan_id]), *ends[plan_id]))
    expected = [(plan_id, quotas[plan_id], listed[plan_id]) for plan_id in right]
    assert [tuple(share) for share in rules.shares_on(plans, "logs", day)] == expected


PLANS = Law(
    "plans in force: fewest workspaces, then last day, first day, id",
    st.tuples(plan_rows(), st.integers(1, 5)),
    the_narrowest_plan_is_first,
)
