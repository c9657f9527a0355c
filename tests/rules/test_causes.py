"""What a published overage says of its cause: short, however much one journal record did to its cell."""

import json

from meter.rules.state.cause import CellChange
from meter.rules.state.rows import Cell
from schemas.overages import CAUSE_ORDERS_LIMIT, CAUSE_WORKSPACES_LIMIT
from tests.rules.days_world import Days

NOON = "2026-01-31T12:00:00Z"
NAMES = [f"wksp_{number:04d}" for number in range(1_000)]


def touched() -> CellChange:
    return CellChange(Cell("acct", 1, "logs"))


def test_a_cause_names_twenty_orders_of_a_burst_and_counts_the_others() -> None:
    days = Days()
    for name in NAMES[:30]:
        days.bind(name)
        days.use(name, "sms", 1_000, NOON)
    top_up = {"order_id": "t-1", "account": "acct", "kind": "top_up", "method": "cash", "amount": "9999999.00"}
    bought = {"order_id": "P", "account": "acct", "kind": "purchase", "plan": "startup", "workspaces": NAMES[:30]}
    days.order(top_up, NOON)
    days.order({**bought, "payments": [{"method": "cash", "amount": "42000.00"}]}, NOON)
    line = {"item": "sms", "units": 1, "discount": "0.0001"}
    added = {"account": "acct", "kind": "add_traffic", "plan_id": "P", "traffic": [line]}
    paid = [{"method": "cash", "amount": "0.37"}]
    days.orders([{**added, "order_id": f"t{number}", "payments": paid} for number in range(25)], NOON)
    cause = days.last(f"acct/{NAMES[0]}/sms/2026-01-31", "overages")["cause"]
    assert cause["orders"] == [f"t{number}" for number in range(20)]
    assert cause["more"] == 5
    assert cause["workspaces"] == NAMES[:20]
    assert cause["last_offset"] - cause["first_offset"] == 24


def test_a_binding_that_came_with_usage_of_another_item_names_itself_and_that_usage() -> None:
    days = Days()
    days.bind("w", commercial=None)
    days.use("w", "sms", 1_000, NOON)
    days.bind("w")
    days.use("w", "api_calls", 10_000, NOON)
    cause = days.last("acct/w/sms/2026-01-31", "overages")["cause"]
    assert (cause["kind"], cause["workspaces"], cause["topic"]) == ("workspace", ["w"], "usage")
    assert cause["first_offset"] == cause["last_offset"] > 0


def test_a_binding_that_came_with_an_order_of_a_later_day_names_itself_and_that_order() -> None:
    days = Days()
    days.bind("w", commercial=None)
    days.use("w", "sms", 1_000, NOON)
    days.bind("w")
    top_up = {"order_id": "t-1", "account": "acct", "kind": "top_up", "method": "cash", "amount": "42000.00"}
    bought = {"order_id": "P", "account": "acct", "kind": "purchase", "plan": "startup", "workspaces": ["w"]}
    paid = [{"method": "cash", "amount": "42000.00"}]
    days.order(top_up, NOON)
    days.order({**bought, "first_day": "2026-02-03", "payments": paid}, NOON)
    cause = days.last("acct/w/sms/2026-01-31", "overages")["cause"]
    assert (cause["kind"], cause["workspaces"], cause["topic"]) == ("workspace", ["w"], "plan-purchases")


def test_a_cause_of_twenty_orders_leaves_out_none() -> None:
    touch = touched()
    for number in range(CAUSE_ORDERS_LIMIT):
        touch.by_order(f"o-{number}", ("a",), (), "plan-purchases", 0, number)
    assert "more" not in json.loads(touch.cause())


def test_whatever_was_named_a_cause_holds_the_first_twenty_of_all_sorted() -> None:
    touch = touched()
    used = dict.fromkeys(NAMES[900:])
    touch.by_order("o-1", tuple(reversed(NAMES[500:])), (), "plan-purchases", 0, 1)
    touch.by_order("o-2", tuple(NAMES[15:800]), (), "plan-purchases", 0, 2)
    touch.by_workspace("wksp_0003", "workspaces", 0, 7)
    touch.by_usage(("usage", 0))
    touch.used, touch.first_offset, touch.last_offset = used, 1, 2
    everybody = {*used, *NAMES[15:], "wksp_0003"}
    assert json.loads(touch.cause())["workspaces"] == sorted(everybody)[:CAUSE_WORKSPACES_LIMIT]


def test_ten_thousand_orders_of_a_long_list_are_a_cause_of_a_few_kilobytes_in_memory_too() -> None:
    touch = touched()
    for number in range(10_000):
        touch.by_order(f"{number:064d}", tuple(NAMES), (), "plan-purchases", 0, number)
    kept = [*touch.orders, *touch.named]
    assert len(kept) == CAUSE_ORDERS_LIMIT + CAUSE_WORKSPACES_LIMIT
    assert touch.more_orders == 10_000 - CAUSE_ORDERS_LIMIT
    assert len(touch.cause()) < 4_000
