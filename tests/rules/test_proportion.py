"""Work is in proportion to what changed: a record costs what it names, not what its account or the record holds.

Steps are counted (`tests.support.steps`), not seconds: the same on every machine.
"""

import json
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from meter.batch.store import Store
from meter.rules.billing_days import parse_day, parse_time
from meter.rules.fold import usage
from meter.rules.state.rows import Cell, CellKey
from schemas.journal import (
    BindingEntry,
    BindingGroup,
    Gathered,
    Named,
    OrderEntry,
    OrderGroup,
    Slot,
)
from schemas.orders import canonical, order_from_json
from schemas.rows import NEVER
from tables.partition_state import PartitionState
from tests.rules.days_world import Days, ms
from tests.support.steps import steps_of
from tests.usage_groups import usage_group, usage_of_slots

TODAY, NOON = parse_day("2026-01-31"), "2026-01-31T12:00:00Z"
ITEMS = {"logs": 14, "traces": 7, "triggers": 0, "sms": 0}
#: What is held against each other, in workspaces, orders or groups; and by how much the steps may differ.
FEW, MANY, SLACK = 40, 400, 1.15


def names(count: int, prefix: str = "w") -> list[str]:
    return [f"{prefix}{number:04d}" for number in range(count)]


def used(workspaces: Sequence[str], event: str, commercial: int = TODAY, account: str = "acct") -> Gathered:
    """One record: an event of every item for each workspace, each in a group of its own."""
    named = [Named(name, account, commercial) for name in workspaces]
    groups = []
    for number, name in enumerate(workspaces):
        for item, retention in ITEMS.items():
            slot = Slot(number, item, retention, TODAY, False)
            groups.append(usage_group(0, ms(NOON), slot, name, 10**6, parse_time(NOON), f"{event}-{item}"))
    return Gathered(named, list(groups))


def bound(workspaces: Sequence[str], commercial: int = TODAY) -> Gathered:
    """One record that binds them."""
    named = [Named(name, "acct", commercial) for name in workspaces]
    return Gathered(
        named,
        [BindingGroup("workspaces", 0, [BindingEntry(number, ms(NOON), number)]) for number in range(len(named))],
    )


def ordered(orders: Sequence[dict[str, Any]], named: Sequence[Named] = ()) -> Gathered:
    """One record of these orders."""
    groups = []
    for number, order in enumerate(orders):
        content = canonical(order_from_json(json.dumps({"account": "acct", "payments": [], **order}).encode()), "CNY")
        groups.append(OrderGroup("plan-purchases", 0, [OrderEntry(number, ms(NOON), TODAY, content)]))
    return Gathered(list(named), list(groups))


def steps(days: Days, record: Gathered, at: str = NOON) -> int:
    """Of folding a record and committing it."""
    return steps_of(lambda: days.append(record, at))


def with_usage(days: Days, workspaces: int, commercial: int = TODAY) -> None:
    """One account of so many workspaces that used everything."""
    days.append(used(names(workspaces), "first", commercial), NOON)


def free(days: Days, workspaces: int) -> None:
    with_usage(days, workspaces, NEVER)


def started(days: Days, workspaces: int) -> None:
    """One event of each item since a start."""
    with_usage(days, workspaces)
    days.reopen()
    days.append(used(["w0000"], "since"), NOON)


def with_a_plan(days: Days, workspaces: int) -> None:
    """Ten of the workspaces are listed."""
    with_usage(days, workspaces)
    listed = names(10)
    price = [{"method": "cash", "amount": "42000.00"}]
    bought = {"order_id": "P", "kind": "purchase", "plan": "startup", "workspaces": listed, "payments": price}
    cash = {"order_id": "cash", "kind": "top_up", "method": "cash", "amount": "100000000.00"}
    days.append(ordered([cash, bought], [Named(name, "acct", TODAY) for name in listed]), NOON)
    assert days.last("acct/P", "plans")


def more(number: int) -> dict[str, Any]:
    """An order that adds a traffic package to the plan."""
    paid = [{"method": "cash", "amount": "37.20"}]
    line = [{"item": "sms", "units": 1, "discount": "0.01"}]
    return {"order_id": f"t{number}", "kind": "add_traffic", "plan_id": "P", "traffic": line, "payments": paid}


def closed(days: Days, workspaces: int) -> None:
    """The day is closed."""
    with_usage(days, workspaces)
    days.close_through("2026-01-31", "2026-02-01T02:00:00Z")


def closed_with_a_plan(days: Days, workspaces: int) -> None:
    """The day is closed, of an account that has a plan."""
    with_a_plan(days, workspaces)
    days.close_through("2026-01-31", "2026-02-01T02:00:00Z")


def closed_in_part(days: Days, workspaces: int) -> None:
    """The day is being closed: some of the workspaces are stated."""
    with_usage(days, workspaces)
    days.close_through("2026-01-30", "2026-02-01T02:00:00Z")
    days.close("2026-01-31", "2026-02-01T02:00:00Z", items=FEW // 2)


#: What is tried: its name, the account as it was, and the record.
RECORDS: dict[str, tuple[Callable[[Days, int], None], Gathered]] = {
    "an event": (with_usage, used(["w0000"], "again")),
    "an event of a new workspace": (with_usage, used(["new"], "first")),
    "an event after a start": (started, used(["w0000"], "again")),
    "a late event": (closed, used(["w0000"], "later")),
    "a late event of a new workspace": (closed, used(["new"], "later")),
    "a late event beside a plan": (closed_with_a_plan, used(["w0000"], "later")),
    "an event between two slices of the close": (closed_in_part, used(["w0000"], "later")),
    "an event beside a plan": (with_a_plan, used(["w0000"], "again")),
    "a new workspace": (with_usage, bound(["new"])),
    "an upgrade": (free, bound(["w0000"])),
    "an upgrade told by usage": (free, used(["w0000"], "again")),
    "an order": (with_a_plan, ordered([more(1)])),
    "another list": (
        with_a_plan,
        ordered(
            [{"order_id": "c", "kind": "change_workspaces", "plan_id": "P", "workspaces": names(5)}],
            [Named(name, "acct", TODAY) for name in names(5)],
        ),
    ),
}


@pytest.fixture
def new_days(tmp_path: Path) -> Callable[[], Days]:
    """Makes days over stores of RocksDB, in whose own work nothing is counted."""
    numbers = count()
    return lambda: Days(store=Store(tmp_path / str(next(numbers))))


@pytest.mark.parametrize("what", RECORDS)
def test_a_record_costs_what_it_names_and_not_what_its_account_holds(what: str, new_days: Callable[[], Days]) -> None:
    account, record = RECORDS[what]
    found = []
    for workspaces in (FEW, MANY):
        days = new_days()
        account(days, workspaces)
        found.append(steps(days, record))
    few, many = found
    assert many < few * SLACK, f"{many} steps where the account has {MANY} workspaces, {few} where it has {FEW}"


def test_a_slice_of_a_close_costs_its_items_and_not_what_its_account_holds(new_days: Callable[[], Days]) -> None:
    """The second slice: the first one puts the workspaces in order, which is once for the account."""
    found = []
    for workspaces in (FEW, MANY):
        days = new_days()
        closed_in_part(days, workspaces)
        before = len(days.statements())
        found.append(steps_of(partial(days.close_next, "2026-01-31", "2026-02-01T02:00:00Z", FEW // 2)))
        assert len(days.statements()) - before == FEW // 2 // len(ITEMS)
    few, many = found
    assert many < few * SLACK, f"{many} steps where the account has {MANY} workspaces, {few} where it has {FEW}"


def bindings(days: Days, entries: int) -> Gathered:
    with_usage(days, 20)
    return bound(names(entries, "new"))


def upgrades(days: Days, entries: int) -> Gathered:
    free(days, entries)
    return bound(names(entries))


def purchases(days: Days, entries: int) -> Gathered:
    """Each of its own account, which cannot pay: what is measured is what all orders need."""
    listed = names(entries)
    orders = [
        {"order_id": "o", "account": f"acct{name}", "kind": "purchase", "plan": "startup", "workspaces": [name]}
        for name in listed
    ]
    return ordered(orders, [Named(name, f"acct{name}", TODAY) for name in listed])


def orders_of_one_plan(days: Days, entries: int) -> Gathered:
    with_a_plan(days, 20)
    return ordered([more(number) for number in range(entries)])


def groups_of_one_cell(days: Days, entries: int) -> Gathered:
    return used(names(entries), "first")


@pytest.mark.parametrize("what", [bindings, upgrades, purchases, orders_of_one_plan, groups_of_one_cell])
def test_an_entry_costs_the_same_however_many_stand_in_its_record(
    what: Callable[[Days, int], Gathered], new_days: Callable[[], Days]
) -> None:
    found = []
    for entries in (FEW, MANY):
        days = new_days()
        found.append(steps(days, what(days, entries)) / entries)
    few, many = found
    assert many < few * SLACK, f"{many:.0f} steps an entry where there are {MANY}, {few:.0f} where there are {FEW}"


def test_others_get_a_turn_between_two_large_cells(
    new_days: Callable[[], Days], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every item of the account is a cell of all its workspaces, which a start left in the store."""
    monkeypatch.setattr(usage, "WORKSPACES_A_CELL", FEW // usage.CELLS_A_STEP)
    days = new_days()
    with_usage(days, FEW)
    days.reopen()
    read, cell = [0], PartitionState.cell

    def counted(state: PartitionState, key: CellKey) -> Cell:
        read[-1] += 1
        return cell(state, key)

    monkeypatch.setattr(PartitionState, "cell", counted)
    slots = [Slot(0, item, retention, TODAY, False) for item, retention in ITEMS.items()]
    group = usage_of_slots(ms(NOON), slots, "w0000", 10**6, parse_time(NOON))
    record = Gathered([Named("w0000", "acct", TODAY)], [group])
    for _ in days.fold.folding(days.offset + 1, ms(NOON), record):
        read += [0]
    assert sum(read) >= len(ITEMS)
    assert max(read) == 1, "no turn between two of them"
