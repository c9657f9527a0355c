"""Parses a form into an order and assigns each problem, the meter's refusals included, to a field."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from meter.dashboard.mends import mend_of_refusal
from meter.dashboard.order_models import FieldProblem
from meter.dashboard.orders.fields import SPLIT, Fields
from schemas.ids import UNITS_LIMIT, shown
from schemas.orders import Order, order_from_json
from schemas.reasons import Refusal
from schemas.record import Unreadable, sentence

#: Most digits parsed as a number of packages: more than any order may have.
UNITS_DIGITS = 9
#: The field that causes each refusal.
FIELD = {
    Refusal.CURRENCY_MUST_MATCH: "amount",
    Refusal.AMOUNT_MUST_BE_POSITIVE: "payments",
    Refusal.EXPIRES_ON_IN_THE_PAST: "expires_on",
    Refusal.INSTRUMENT_EXISTS_WITH_DIFFERENT_TERMS: "expires_on",
    Refusal.UNKNOWN_PLAN: "plan",
    Refusal.UNKNOWN_ITEM: "traffic",
    Refusal.PLAN_NOT_FOUND: "plan_id",
    Refusal.PLAN_EXPIRED: "plan_id",
    Refusal.UPGRADE_MUST_GO_UP: "plan",
    Refusal.WORKSPACES_MUST_NOT_BE_EMPTY: "workspaces",
    Refusal.WORKSPACES_MUST_NOT_REPEAT: "workspaces",
    Refusal.WORKSPACE_NOT_IN_ACCOUNT: "workspaces",
    Refusal.WORKSPACE_NOT_COMMERCIAL: "workspaces",
    Refusal.FIRST_DAY_OUT_OF_RANGE: "first_day",
    Refusal.TOO_MANY_PLANS: "plan",
    Refusal.TOO_MANY_TRAFFIC_LINES: "traffic",
    Refusal.INSTRUMENT_NOT_FOUND: "payments",
    Refusal.INSTRUMENT_EXPIRED: "payments",
    Refusal.BALANCE_EXCEEDED: "payments",
    Refusal.PAYMENTS_MUST_EQUAL_PRICE: "payments",
}
#: The fields that each kind of form shows, in order; every form shows problems of its id.
SHOWN = {
    "top_up": ("amount", "method", "instrument", "expires_on", "order_id"),
    "purchase": ("plan", "workspaces", "traffic", "first_day", "payments", "order_id"),
    "add_traffic": ("plan_id", "traffic", "payments", "order_id"),
    "upgrade": ("plan_id", "plan", "payments", "order_id"),
    "change_workspaces": ("plan_id", "workspaces", "order_id"),
}
#: The fields that a quote needs.
FIRST = {
    "top_up": "Say how much to credit.",
    "purchase": "Choose a plan package to see its price.",
    "add_traffic": "Say how many traffic packages of an item to add.",
    "upgrade": "Choose the plan package to upgrade to.",
}


def missing_of(fields: Fields) -> str:
    """A sentence that names the fields still missing for a quote; empty if none."""
    if "plan_id" in SHOWN[fields.kind] and not fields.plan_id:
        return "Begin at a plan: its buttons are on the plans page."
    filled = {
        "top_up": fields.amount,
        "purchase": fields.plan,
        "upgrade": fields.plan,
        "add_traffic": any(line.units for line in fields.traffic),
    }
    return "" if filled.get(fields.kind, True) else FIRST[fields.kind]


def order_of(fields: Fields) -> Order | list[FieldProblem]:
    """A form's order, without payments if cash pays the whole price; or the form's problems."""
    try:
        return order_from_json(json.dumps(_shape(fields)).encode())
    except ValidationError as wrong:
        return [_problem(fields, error) for error in wrong.errors(include_url=False)]
    except Unreadable as wrong:
        return [FieldProblem(field="order_id", sentence=str(wrong), reason=None, mend="")]


def refused_at(kind: str, refusal: Refusal, error: str) -> FieldProblem:
    """The problem of an order that would be refused."""
    field = FIELD[refusal]
    if field not in SHOWN[kind]:
        field = "amount" if kind == "top_up" else "plan_id" if field == "plan" else SHOWN[kind][0]
    return FieldProblem(field=field, sentence=error, reason=refusal.value, mend=mend_of_refusal(refusal))


def _shape(fields: Fields) -> dict[str, Any]:
    """The order as written to `plan-purchases`, with only the fields of its kind."""
    shape: dict[str, Any] = {"kind": fields.kind, "account": fields.account, "order_id": fields.order_id}
    traffic = [_line(each) for each in fields.traffic]
    match fields.kind:
        case "top_up":
            shape |= {"method": fields.method or "cash", "amount": fields.amount}
            if shape["method"] != "cash":  # fields of cards and coupons are not shown for cash
                shape |= {"instrument": fields.instrument or None, "expires_on": fields.expires_on or None}
            return shape
        case "purchase":
            shape |= {"plan": fields.plan, "workspaces": fields.workspaces or (), "traffic": traffic}
            shape["first_day"] = fields.first_day or None
        case "add_traffic":
            shape |= {"plan_id": fields.plan_id, "traffic": traffic}
        case "upgrade":
            shape |= {"plan_id": fields.plan_id, "plan": fields.plan}
        case "change_workspaces":
            return shape | {"plan_id": fields.plan_id, "workspaces": fields.workspaces or ()}
    if fields.paying == SPLIT:
        shape["payments"] = [
            {"method": each.method, "instrument": each.instrument or None, "amount": each.amount}
            for each in fields.payments
        ]
    return shape


def _line(line: Any) -> dict[str, Any]:
    units = line.units.replace(",", "").replace(" ", "")
    number = int(units) if units.isascii() and units.isdecimal() and len(units) <= UNITS_DIGITS else line.units
    return {"item": line.item, "units": number, "discount": line.discount or None}


def _problem(fields: Fields, error: ErrorDetails) -> FieldProblem:
    """A malformed field; for a list or a line, the problem names the entry."""
    place = [step for step in error["loc"] if step != "[key]"]
    field = str(place[0]) if place else _unplaced(fields, error["msg"])
    given: Mapping[str, Any] = {**error, "loc": tuple(place[2:] if field in ("traffic", "payments") else ())}
    words = sentence(given).removeprefix("the whole: ")  # type: ignore[arg-type] # the same, with another location
    if field == "traffic" and place[-1] == "units":
        words = f"packages are a whole number from 1 to {UNITS_LIMIT:,}, this is {shown(error['input'])}"
    if field in ("traffic", "payments", "workspaces") and len(place) > 1 and isinstance(place[1], int):
        words = f"{_named(fields, field, place[1])}: {words}"
    if field not in SHOWN[fields.kind]:
        field = "order_id"
    return FieldProblem(field=field, sentence=words, reason=None, mend="")


def _unplaced(fields: Fields, message: str) -> str:
    """The field for a rule about two fields."""
    return "instrument" if fields.kind == "top_up" and "instrument" in message else "payments"


def _named(fields: Fields, field: str, number: int) -> str:
    if field == "traffic":
        return f"for {shown(fields.traffic[number].item)}"
    if field == "payments":
        return f"from {shown(fields.payments[number].instrument or fields.payments[number].method)}"
    return f"workspace {number + 1}"
