"""What would change a figure, against plain loops over the oracle's own allocation: a unit, a place, a list."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from meter.explain.cell import Cell, Own, figure_of
from meter.explain.what_if import what_would_change_it
from schemas.catalog import Item, Retention, TrafficPackage
from schemas.rows import Package, Plan, WorkspaceList
from tests.oracle_figures import allocate

DAY = 739_000
NAMES = "ABC"
ITEM = Item("logs", "sum", 2, Decimal("1.5"), 14, {14: Retention(1, Decimal("1.5")), 30: Retention(2, Decimal("2"))})
LISTS = st.permutations(NAMES).flatmap(lambda names: st.integers(1, len(names)).map(lambda size: tuple(names[:size])))
PLANS = st.lists(st.tuples(st.integers(0, 3), LISTS), min_size=1, max_size=3)
USAGE = st.fixed_dictionaries({name: st.integers(0, 4) for name in NAMES})
#: Plans whose lists A is not on.
OF_OTHERS = st.lists(st.tuples(st.integers(0, 6), st.permutations("BC").map(tuple)), min_size=1, max_size=3)


def cell_of(plans: list[tuple[int, tuple[str, ...]]], usage: dict[str, int], capacity: int, thirty: int = 0) -> Cell:
    """A's cell: plans by (quota, list); `thirty`: what A reported at 30 days beside its usage at 14."""
    rows = tuple(
        Plan(
            f"p{number}",
            DAY,
            DAY + 9,
            (Package(DAY, "any", Decimal(1), {"logs": quota}),),
            (WorkspaceList(DAY, names),),
        )
        for number, (quota, names) in enumerate(plans)
    )
    own = Own("A", 0, {14: usage["A"], **({30: thirty} if thirty else {})})
    others = {name: used for name, used in usage.items() if name != "A"}
    return Cell("acct", DAY, ITEM, rows, own, others, "CNY", TrafficPackage("logs", capacity, Decimal("1.5")))


def over(plans: list[tuple[str, int, tuple[str, ...]]], usage: dict[str, int]) -> int:
    """What is over of A, by the oracle: plans as (id, quota, list) in any order."""
    ordered = sorted(plans, key=lambda plan: (len(plan[2]), plan[0]))
    return usage["A"] - sum(given for (_, who), given in allocate(ordered, usage).items() if who == "A")


@settings(max_examples=500, deadline=None)
@given(PLANS, USAGE, st.integers(1, 3))
def test_the_fewest_traffic_packages_are_the_fewest(
    plans: list[tuple[int, tuple[str, ...]]], usage: dict[str, int], capacity: int
) -> None:
    cell = cell_of(plans, usage, capacity)
    figure = figure_of(cell)
    found = what_would_change_it(cell, figure)
    shares = [(f"p{number}", quota, names) for number, (quota, names) in enumerate(plans)]
    if figure.basis != "package" or not figure.overage:
        assert found.traffic is None and found.traffic_reason
        return
    least = min(
        next(
            units
            for units in range(100)
            if over([(one, quota + units * capacity * (one == plan), names) for one, quota, names in shares], usage)
            == 0
        )
        for plan, _, listed in shares
        if "A" in listed
    )
    assert found.traffic is not None
    assert (found.traffic.units, found.traffic.price_a_day) == (least, f"{Decimal('1.5') * least:.2f}")


@settings(max_examples=200, deadline=None)
@given(PLANS, USAGE)
def test_the_first_place_of_each_list_is_counted(
    plans: list[tuple[int, tuple[str, ...]]], usage: dict[str, int]
) -> None:
    cell = cell_of(plans, usage, 1)
    found = what_would_change_it(cell, figure_of(cell))
    shares = [(f"p{number}", quota, names) for number, (quota, names) in enumerate(plans)]
    wanted = {}
    for plan, _, listed in shares:
        if "A" in listed:
            first = ("A", *(name for name in listed if name != "A"))
            turned = [(one, quota, first if one == plan else names) for one, quota, names in shares]
            wanted[plan] = (listed.index("A") + 1, len(listed), over(turned, usage))
    assert {each.plan_id: (each.place, each.listed, each.overage_if_first) for each in found.place} == wanted


@settings(max_examples=200, deadline=None)
@given(PLANS, USAGE)
def test_those_before_it_are_named_with_what_they_drew(
    plans: list[tuple[int, tuple[str, ...]]], usage: dict[str, int]
) -> None:
    cell = cell_of(plans, usage, 1)
    found = what_would_change_it(cell, figure_of(cell))
    shares = [(f"p{number}", quota, names) for number, (quota, names) in enumerate(plans)]
    drawn = allocate(sorted(shares, key=lambda plan: (len(plan[2]), plan[0])), usage)
    wanted = {
        (plan, who): (usage[who], drawn.get((plan, who), 0))
        for plan, _, listed in shares
        if "A" in listed
        for who in listed[: listed.index("A")]
        if usage[who]
    }
    assert {(each.plan_id, each.workspace): (each.usage, each.drawn) for each in found.usage_before} == wanted


@settings(max_examples=200, deadline=None)
@given(OF_OTHERS, USAGE)
def test_a_list_at_all_is_priced_as_converted_usage(
    plans: list[tuple[int, tuple[str, ...]]], usage: dict[str, int]
) -> None:
    """A is on no list and keeps 3 for 30 days, which count twice in a plan and cost 2 a unit outside."""
    cell = cell_of(plans, usage, 1, thirty=3)
    figure = figure_of(cell)
    assert figure.basis == "pay_as_you_go"
    used = {**usage, "A": usage["A"] + 6}
    shares = [(f"p{number}", quota, names) for number, (quota, names) in enumerate(plans)]
    wanted = {}
    for plan, _, _ in shares:
        listed = [(one, quota, (*names, "A") if one == plan else names) for one, quota, names in shares]
        left = over(listed, used)
        wanted[plan] = (used["A"] - left, left, Decimal(left * 100 // 2) / 100 * Decimal("1.5"))
    found = what_would_change_it(cell, figure).listing
    assert {each.plan_id: (each.covered, each.overage, Decimal(each.amount)) for each in found} == wanted
