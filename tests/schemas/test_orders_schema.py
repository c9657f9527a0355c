"""Orders: what is readable, and which orders are equal."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.orders import ANY_ORDER, Purchase, TopUp, UnknownKind, canonical, order_from_json
from schemas.record import NotJson, problem

#: SPEC §8.
TOP_UP: dict[str, Any] = {
    "order_id": "t-1",
    "account": "acct_1",
    "kind": "top_up",
    "method": "prepaid_card",
    "instrument": "card-9",
    "amount": "5000.00",
    "currency": "CNY",
    "expires_on": "2026-12-31",
}
PURCHASE: dict[str, Any] = {
    "order_id": "o-1",
    "account": "acct_1",
    "kind": "purchase",
    "plan": "startup",
    "workspaces": ["wksp_a", "wksp_b"],
    "traffic": [{"item": "logs", "units": 30, "discount": "0.8"}],
    "first_day": "2026-01-31",
    "currency": "CNY",
    "payments": [
        {"method": "cash", "amount": "53392.00"},
        {"method": "prepaid_card", "instrument": "card-9", "amount": "1500.00"},
        {"method": "coupon", "instrument": "cpn-3", "amount": "500.00"},
    ],
}
PLAN = {"order_id": "o-2", "account": "acct_1", "plan_id": "o-1"}
ADD_TRAFFIC = PLAN | {"kind": "add_traffic", "traffic": [{"item": "logs", "units": 1}]}
UPGRADE = PLAN | {"kind": "upgrade", "plan": "growth"}
CHANGE = PLAN | {"kind": "change_workspaces", "workspaces": []}
ALL = [TOP_UP, PURCHASE, ADD_TRAFFIC, UPGRADE, CHANGE]


def _bytes(order: object) -> bytes:
    return json.dumps(order).encode()


def _same(first: dict[str, Any], second: dict[str, Any]) -> bool:
    return canonical(order_from_json(_bytes(first)), "CNY") == canonical(order_from_json(_bytes(second)), "CNY")


def test_the_specified_orders_are_read() -> None:
    top_up, purchase = order_from_json(_bytes(TOP_UP)), order_from_json(_bytes(PURCHASE))
    assert isinstance(top_up, TopUp)
    assert isinstance(purchase, Purchase)
    assert (top_up.amount, top_up.expires_on) == (Decimal(5000), date(2026, 12, 31))
    assert (purchase.workspaces, purchase.first_day) == (("wksp_a", "wksp_b"), date(2026, 1, 31))
    assert (purchase.traffic[0].units, purchase.traffic[0].discount) == (30, Decimal("0.8"))
    assert [payment.amount for payment in purchase.payments] == [53392, 1500, 500]


@pytest.mark.parametrize("order", ALL, ids=lambda order: order["kind"])
def test_canonical_json_is_an_order_and_its_own_canonical_form(order: dict[str, Any]) -> None:
    content = canonical(order_from_json(_bytes(order)), "CNY")
    assert canonical(order_from_json(content), "CNY") == content
    assert ANY_ORDER.validate_json(content) == order_from_json(content)
    assert json.loads(content)["currency"] == "CNY"


@pytest.mark.parametrize(
    ("order", "changes"),
    [
        (TOP_UP, {"amount": "5000"}),
        (TOP_UP, {"amount": "05000.0"}),
        (TOP_UP, {"currency": None}),
        (TOP_UP, {"plan": "unknown to a top-up"}),
        (PURCHASE, {"note": {"x": 1.5}}),
        (PURCHASE, {"traffic": [{"discount": "0.8000", "units": 30, "item": "logs", "note": 1}]}),
        (ADD_TRAFFIC, {"traffic": [{"item": "logs", "units": 1, "discount": "1.0"}], "payments": []}),
        (ADD_TRAFFIC, {"traffic": [{"item": "logs", "units": 1, "discount": None}], "payments": None}),
        (UPGRADE, {"currency": "CNY"}),
        (UPGRADE, {"payments": []}),
    ],
)
def test_equal_orders_have_equal_bytes(order: dict[str, Any], changes: dict[str, Any]) -> None:
    assert _same(order, order | changes)
    assert _same(order, dict(reversed((order | changes).items())))


@pytest.mark.parametrize(
    ("order", "changes"),
    [
        (TOP_UP, {"amount": "5000.01"}),
        (TOP_UP, {"expires_on": None}),
        (TOP_UP, {"currency": "USD"}),
        (TOP_UP, {"method": "coupon"}),
        (PURCHASE, {"first_day": None}),
        (PURCHASE, {"workspaces": ["wksp_b", "wksp_a"]}),
        (PURCHASE, {"traffic": [{"item": "logs", "units": 30}]}),
        (PURCHASE, {"traffic": PURCHASE["traffic"] * 2}),
        (PURCHASE, {"payments": PURCHASE["payments"][::-1]}),
        (PURCHASE, {"plan": "growth"}),
        (UPGRADE, {"plan_id": "o-3"}),
    ],
)
def test_other_orders_have_other_bytes(order: dict[str, Any], changes: dict[str, Any]) -> None:
    assert not _same(order, order | changes)


@pytest.mark.parametrize("kind", [None, "", "TOP_UP", "topup", 5, ["top_up"], {}, True])
def test_an_unknown_kind(kind: object) -> None:
    with pytest.raises(UnknownKind, match="an order's kind is one of"):
        order_from_json(_bytes(TOP_UP | {"kind": kind}))
    with pytest.raises(UnknownKind):
        order_from_json(b"{}")


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", b"{", b'{"x":NaN}', b"\xef\xbb\xbf{}", b"[" * 200_000, b'{"x":"\\ud800"}', b"1" * 5_000 + b"x"],
)
def test_what_is_not_json(content: bytes) -> None:
    with pytest.raises(NotJson):
        order_from_json(content)


@pytest.mark.parametrize("content", [b"[]", b"5", b"null", b'"top_up"', b"[{}]", b"1" * 5_000])
def test_what_is_no_object_is_invalid(content: bytes) -> None:
    with pytest.raises(ValidationError):
        order_from_json(content)


@pytest.mark.parametrize(
    ("order", "changes", "expected"),
    [
        (TOP_UP, {"order_id": "t 1"}, "order_id: an id must be"),
        (TOP_UP, {"order_id": "t-1\n"}, "order_id: an id must be"),
        (TOP_UP, {"account": None}, "account: "),
        (TOP_UP, {"amount": 5000}, "amount: money must be a decimal string"),
        (TOP_UP, {"amount": "5_000"}, "amount: money must be a decimal string"),
        (TOP_UP, {"amount": "\uff15"}, "amount: money must be a decimal string"),
        (TOP_UP, {"amount": "NaN"}, "amount: money must be a decimal string"),
        (TOP_UP, {"amount": "1.234"}, "amount: money must be a decimal string"),
        (TOP_UP, {"method": "credit"}, "method: "),
        (TOP_UP, {"method": "cash"}, "the whole: a prepaid_card or coupon is named by instrument, cash has none"),
        (TOP_UP, {"instrument": None}, "the whole: a prepaid_card or coupon is named by instrument"),
        (TOP_UP, {"method": "cash", "instrument": None}, "the whole: cash has no expires_on"),
        (TOP_UP, {"expires_on": "2026-02-29"}, "expires_on: day is out of range"),
        (TOP_UP, {"expires_on": "20261231"}, "expires_on: a day must be a string"),
        (TOP_UP, {"expires_on": 20261231}, "expires_on: a day must be a string"),
        (TOP_UP, {"currency": 5}, "currency: "),
        (PURCHASE, {"workspaces": None}, "workspaces: "),
        (PURCHASE, {"workspaces": "wksp_a"}, "workspaces: "),
        (PURCHASE, {"workspaces": {"0": "wksp_a"}}, "workspaces: "),
        (PURCHASE, {"workspaces": ["wksp_a", 5]}, "workspaces[1]: "),
        (PURCHASE, {"workspaces": ["w"] * 1_001}, "workspaces: "),
        (PURCHASE, {"traffic": [{"item": "logs", "units": 0}]}, "traffic[0].units: "),
        (PURCHASE, {"traffic": [{"item": "logs", "units": 1_000_001}]}, "traffic[0].units: "),
        (PURCHASE, {"traffic": [{"item": "logs", "units": 1.0}]}, "traffic[0].units: "),
        (PURCHASE, {"traffic": [{"item": "logs", "units": True}]}, "traffic[0].units: "),
        (PURCHASE, {"traffic": [{"item": "logs", "units": 1, "discount": 0.8}]}, "traffic[0].discount: a discount"),
        (PURCHASE, {"traffic": [{"item": "logs", "units": 1, "discount": "0"}]}, "traffic[0].discount: a discount"),
        (PURCHASE, {"traffic": [{"item": "logs", "units": 1}] * 51}, "traffic: "),
        (PURCHASE, {"payments": [{"method": "cash", "amount": "1"}] * 21}, "payments: "),
        (PURCHASE, {"payments": [{"method": "coupon", "amount": "1"}]}, "payments[0]: a prepaid_card or coupon"),
        (PURCHASE, {"first_day": "2026-1-31"}, "first_day: a day must be a string"),
        (UPGRADE, {"plan": None}, "plan: "),
        (CHANGE, {"plan_id": ""}, "plan_id: "),
    ],
)
def test_invalid_fields_are_reported_with_their_place(
    order: dict[str, Any], changes: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ValidationError) as wrong:
        order_from_json(_bytes(order | changes))
    assert problem(wrong.value).startswith(expected), problem(wrong.value)


def test_limits_are_reached() -> None:
    changes = {
        "workspaces": [f"w{number}" for number in range(1_000)],
        "traffic": [{"item": "logs", "units": 1_000_000}] * 50,
        "payments": [{"method": "cash", "amount": "-999999999999.99"}] * 20,
    }
    order = order_from_json(_bytes(PURCHASE | changes))
    assert isinstance(order, Purchase)
    assert len(order.workspaces) == 1_000


def test_negative_amounts_and_empty_lists_are_readable_so_that_they_can_be_refused() -> None:
    assert order_from_json(_bytes(TOP_UP | {"amount": "-5"}))
    assert order_from_json(_bytes(PURCHASE | {"workspaces": []}))


def test_a_problem_says_how_many_more_there_are() -> None:
    with pytest.raises(ValidationError) as wrong:
        order_from_json(b'{"kind":"upgrade"}')
    assert problem(wrong.value) == "order_id: Field required (and 3 more)"
