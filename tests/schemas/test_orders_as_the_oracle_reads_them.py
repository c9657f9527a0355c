"""Whatever an order's fields hold, the models read it as the oracle does: an order, or a dead letter for its reason."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.orders import order_from_json
from schemas.record import Unreadable
from tests import records
from tests.oracle_orders_reading import read_order
from tests.oracle_reading import Dead, Sent
from tests.strategies import bent_objects, foreign_values

ORDERS: list[dict[str, Any]] = [
    records.top_up("acct", "t-1", "5.00"),
    {**records.top_up("acct", "t-2", "5.00", "coupon", instrument="c"), "expires_on": "2026-12-31", "currency": "CNY"},
    {
        **records.purchase(
            "acct",
            "o-1",
            "startup",
            ["a", "b"],
            [records.pay("1.00"), records.pay("2.00", "coupon", "c")],
            traffic=[records.traffic("logs", 2, "0.5")],
        ),
        "first_day": "2026-01-31",
        "currency": "CNY",
    },
    {"order_id": "u-1", "account": "acct", "kind": "upgrade", "plan_id": "o-1", "plan": "growth", "payments": []},
    {
        "order_id": "x-1",
        "account": "acct",
        "kind": "add_traffic",
        "plan_id": "o-1",
        "traffic": [{"item": "sms", "units": 1, "discount": "0.0001"}],
    },
    {"order_id": "l-1", "account": "acct", "kind": "change_workspaces", "plan_id": "o-1", "workspaces": ["b", "a"]},
]


def ours(value: bytes) -> str:
    """How the models read it: empty for an order, else the reason."""
    try:
        order_from_json(value)
    except Unreadable as dead:
        return dead.reason.value
    except ValidationError:
        return "invalid_field"
    return ""


def theirs(value: bytes) -> tuple[str, ...]:
    """How the oracle reads it: empty for an order, else the reasons that SPEC leaves open."""
    read = read_order(Sent("plan-purchases", 0, 0, 0, value), "CNY")
    return read.reasons if isinstance(read, Dead) else ("",)


@settings(max_examples=400)
@given(st.sampled_from(ORDERS).flatmap(bent_objects))
def test_a_bent_order_is_read_as_the_oracle_reads_it(order: dict[str, Any]) -> None:
    value = json.dumps(order).encode()
    assert ours(value) in theirs(value), value


@settings(max_examples=150)
@given(st.sampled_from(ORDERS).flatmap(foreign_values))
def test_a_foreign_value_is_read_as_the_oracle_reads_it(value: bytes) -> None:
    assert ours(value) in theirs(value), value


@pytest.mark.parametrize("currency", ["", "cny", "RMB", "CNY ", "x" * 17, "x" * 1_000, "\x00", "元"])
def test_any_text_is_a_currency_so_that_another_one_is_refused_not_dead(currency: str) -> None:
    for order in ORDERS:
        value = json.dumps({**order, "currency": currency}).encode()
        assert (ours(value), theirs(value)) == ("", ("",))
