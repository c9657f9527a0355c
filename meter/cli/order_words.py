"""The words of an order on the command line: arguments, options, and the order they make.

Lists are written short: `logs=30@0.8` is 30 traffic packages of `logs` at a discount, `prepaid_card:card-9=1500.00`
a payment. What a word means is decided here, whether it is right by the order's own model, so that a command
refuses what the meter would call unreadable.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from schemas.orders import Order

#: `--pay auto`: the price, whatever it is, from cash.
AUTO = "auto"
Fields = dict[str, Any]

Account = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The billing account.")]
Package = Annotated[str, typer.Argument(metavar="PLAN", help="The plan package, such as `startup`.")]
PlanId = Annotated[
    str, typer.Argument(metavar="PLAN_ID", help="The plan: the order id of its purchase; `meter plans` shows it.")
]
Workspaces = Annotated[
    list[str], typer.Argument(metavar="WORKSPACE...", help="The workspaces it covers, in priority order.")
]
Traffic = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ITEM=UNITS[@DISCOUNT]", help="Traffic packages of an item, such as `logs=30@0.8`; more than once."
    ),
]
FirstDay = Annotated[
    str | None, typer.Option(metavar="YYYY-MM-DD", help="The plan's first day, up to 31 days ahead. Default: today.")
]
Amount = Annotated[str, typer.Argument(metavar="AMOUNT", help="How much, such as `5000.00`.")]
Method = Annotated[str, typer.Option(help="What is credited: `cash`, `prepaid_card` or `coupon`.")]
Instrument = Annotated[str | None, typer.Option(help="Which card or coupon; cash has none.")]
ExpiresOn = Annotated[
    str | None, typer.Option(metavar="YYYY-MM-DD", help="The last day it can be drawn. Default: for ever.")
]
Currency = Annotated[str | None, typer.Option(help="Default: the catalog's.")]
Json = Annotated[bool, typer.Option("--json", help="One line of JSON.")]
PAY_HELP = "A payment, such as `cash=500.00` or `prepaid_card:card-9=1500.00`; more than once"


def top_up(account: str, amount: str, method: str, instrument: str | None, expires_on: str | None) -> Fields:
    """A top-up."""
    fields = {"kind": "top_up", "account": account, "method": method, "amount": amount}
    return present(fields, instrument=instrument, expires_on=expires_on)


def purchase(
    account: str, plan: str, workspaces: Sequence[str], traffic: Sequence[str] | None, first_day: str | None
) -> Fields:
    """A purchase."""
    fields: Fields = {"kind": "purchase", "account": account, "plan": plan, "workspaces": list(workspaces)}
    return present(fields, traffic=traffic_lines(traffic), first_day=first_day)


def add_traffic(account: str, plan_id: str, traffic: Sequence[str] | None) -> Fields:
    """An order of traffic packages; without any it would be an order of nothing."""
    from meter.errors import UserError

    if not traffic:
        raise UserError("add-traffic adds at least one traffic package, this names 0; say --traffic logs=30")
    return {"kind": "add_traffic", "account": account, "plan_id": plan_id, "traffic": traffic_lines(traffic)}


def upgrade(account: str, plan_id: str, plan: str) -> Fields:
    """An upgrade."""
    return {"kind": "upgrade", "account": account, "plan_id": plan_id, "plan": plan}


def change_workspaces(account: str, plan_id: str, workspaces: Sequence[str]) -> Fields:
    """A change of the list."""
    return {"kind": "change_workspaces", "account": account, "plan_id": plan_id, "workspaces": list(workspaces)}


def present(fields: Fields, **optional: object) -> Fields:
    """The fields, and of the optional ones those that are given."""
    return fields | {name: value for name, value in optional.items() if value is not None}


def traffic_lines(words: Sequence[str] | None) -> list[Fields] | None:
    """Traffic lines out of `ITEM=UNITS[@DISCOUNT]`."""
    return None if words is None else [_traffic_line(word) for word in words]


def _traffic_line(word: str) -> Fields:
    from meter.errors import UserError

    item, equals, rest = word.partition("=")
    units, at, discount = rest.partition("@")
    if not equals or not (units.isascii() and units.isdecimal()):
        raise UserError(f"--traffic is ITEM=UNITS or ITEM=UNITS@DISCOUNT, such as logs=30@0.8; this is {word!r}")
    return present({"item": item, "units": int(units[:20])}, discount=discount if at else None)


def payments(words: Sequence[str] | None) -> list[Fields] | None:
    """Payments out of `METHOD[:INSTRUMENT]=AMOUNT`; None for none and for `auto`, which the price decides."""
    from meter.errors import UserError

    if words is None or list(words) == [AUTO]:
        return None
    if AUTO in words:
        raise UserError("--pay auto stands alone: it pays the whole price from cash; name payments, or say only auto")
    return [_payment(word) for word in words]


def _payment(word: str) -> Fields:
    from meter.errors import UserError

    who, equals, amount = word.partition("=")
    method, colon, instrument = who.partition(":")
    if not equals:
        raise UserError(
            "--pay is METHOD=AMOUNT, METHOD:INSTRUMENT=AMOUNT or auto, such as cash=500.00 or "
            f"prepaid_card:card-9=1500.00; this is {word!r}"
        )
    return present({"method": method, "amount": amount}, instrument=instrument if colon else None)


def parse_order(fields: Fields) -> "Order":
    """The order that the fields make; `UserError` with everything that is wrong with them."""
    import json

    from pydantic import ValidationError

    from meter.errors import UserError
    from schemas.orders import order_from_json
    from schemas.record import Unreadable, sentence

    try:
        return order_from_json(json.dumps(fields).encode())
    except ValidationError as wrong:
        problems = [sentence(error) for error in wrong.errors(include_url=False)]
    except Unreadable as wrong:
        problems = [str(wrong)]
    raise UserError("\n  ".join(["this is no order, and nothing was sent:", *problems]))


def new_order_id(kind: str) -> str:
    """A readable, unique order id: the kind, the day and a random part."""
    import secrets
    import time

    word = {"purchase": "plan", "change_workspaces": "change"}.get(kind, kind.replace("_", "-"))
    return f"{word}-{time.strftime('%Y%m%d', time.gmtime())}-{secrets.token_hex(4)}"
