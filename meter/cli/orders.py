"""`meter top-up|buy|add-traffic|upgrade|change-workspaces`: sends an order, waits for its outcome, prints it.

Exit code 1 if the order is refused, or if no outcome comes in time. Only named payments are drawn: an order without
`--pay` is refused unless it costs nothing, and the refusal has the price.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from meter.cli import order_words as words
from meter.cli.signed_numbers import SignedNumbers
from meter.errors import UserError

if TYPE_CHECKING:
    from agents.quote import Quote
    from meter.settings import Settings
    from schemas.orders import Order
    from schemas.outcomes import OrderOutcome

TIMEOUT_SECONDS = 30.0

Pay = Annotated[
    list[str] | None,
    typer.Option(
        metavar="METHOD[:INSTRUMENT]=AMOUNT",
        help=f"{words.PAY_HELP}; they make exactly the price. `auto` pays the price, whatever it is, from cash.",
    ),
]
OrderId = Annotated[
    str | None,
    typer.Option(help="The order's id. Default: a new one. An order that is sent again under its id counts once."),
]
Timeout = Annotated[float, typer.Option(min=0, help="Seconds to wait for the outcome.")]
Json = Annotated[
    bool,
    typer.Option("--json", help='The outcome as published, one line of JSON; "sent": false where nothing was sent.'),
]


def register(app: typer.Typer) -> None:
    """Add the five commands that order something."""
    for command in (top_up, buy, add_traffic, upgrade, change_workspaces):
        app.command(command.__name__.replace("_", "-"), cls=SignedNumbers)(command)


def top_up(
    account: words.Account,
    amount: words.Amount,
    method: words.Method = "cash",
    instrument: words.Instrument = None,
    expires_on: words.ExpiresOn = None,
    currency: words.Currency = None,
    order_id: OrderId = None,
    timeout: Timeout = TIMEOUT_SECONDS,
    json: Json = False,
) -> None:
    """Put money on an account: on its cash, or on a prepaid card or coupon named by --instrument."""
    fields = words.present(words.top_up(account, amount, method, instrument, expires_on), currency=currency)
    order(fields, None, order_id, timeout, json)


def buy(
    account: words.Account,
    plan: words.Package,
    workspaces: words.Workspaces,
    traffic: words.Traffic = None,
    first_day: words.FirstDay = None,
    pay: Pay = None,
    order_id: OrderId = None,
    timeout: Timeout = TIMEOUT_SECONDS,
    json: Json = False,
) -> None:
    """Buy a plan package, and traffic packages, for workspaces in priority order. The order's id is the plan's."""
    order(words.purchase(account, plan, workspaces, traffic, first_day), pay, order_id, timeout, json)


def add_traffic(
    account: words.Account,
    plan_id: words.PlanId,
    traffic: words.Traffic = None,
    pay: Pay = None,
    order_id: OrderId = None,
    timeout: Timeout = TIMEOUT_SECONDS,
    json: Json = False,
) -> None:
    """Add traffic packages to a plan, from today (or its first day) through its last day."""
    order(words.add_traffic(account, plan_id, traffic), pay, order_id, timeout, json)


def upgrade(
    account: words.Account,
    plan_id: words.PlanId,
    plan: words.Package,
    pay: Pay = None,
    order_id: OrderId = None,
    timeout: Timeout = TIMEOUT_SECONDS,
    json: Json = False,
) -> None:
    """Put a dearer plan package in the place of a plan's; its traffic packages, list and last day stay."""
    order(words.upgrade(account, plan_id, plan), pay, order_id, timeout, json)


def change_workspaces(
    account: words.Account,
    plan_id: words.PlanId,
    workspaces: words.Workspaces,
    order_id: OrderId = None,
    timeout: Timeout = TIMEOUT_SECONDS,
    json: Json = False,
) -> None:
    """Give a plan a new list of workspaces, in its new order; it costs nothing."""
    order(words.change_workspaces(account, plan_id, workspaces), None, order_id, timeout, json)


def order(fields: words.Fields, pay: Sequence[str] | None, order_id: str | None, timeout: float, json: bool) -> None:
    """Send the order of these fields and print its outcome; exit code 1 if it was refused."""
    from meter.cli.asking import answered
    from meter.cli.order_sentences import outcome_lines
    from meter.kafka.rights import of_command
    from meter.settings import Settings

    fields = words.present(fields, payments=words.payments(pay))
    fields["order_id"] = words.new_order_id(fields["kind"]) if order_id is None else order_id
    wanted = words.parse_order(fields)
    auto = list(pay or ()) == [words.AUTO]
    settings, command = Settings.load(), str(wanted.kind).replace("_", "-").replace("purchase", "buy")
    options = [option for option, given in (("… --order-id", order_id is not None), ("… --pay auto", auto)) if given]
    work = sent(settings, wanted, auto, timeout, order_id is not None)
    try:
        wanted, outcome = answered(settings, command, of_command(settings, command, *options), work)
    except NotSent as refused:
        if json:
            typer.echo(refused.json_bytes(wanted))
        raise
    if json:
        typer.echo(outcome.json_bytes())
    else:
        typer.echo("\n".join(outcome_lines(wanted, outcome)))
    if outcome.outcome == "refused":
        raise typer.Exit(1)


class NotSent(UserError):
    """An order that was not sent because it would be refused."""

    def __init__(self, refusal: str, why: str) -> None:
        super().__init__(f"nothing was sent: {why}")
        self.refusal = refusal

    def json_bytes(self, order: "Order") -> bytes:
        """The outcome it would have, in the fields of `order-outcomes`, and that nothing was sent."""
        import msgspec

        fields = {name: getattr(order, name) for name in ("order_id", "account", "kind")}
        outcome = {"outcome": "refused", "reason": self.refusal, "error": str(self), "sent": False}
        return msgspec.json.encode(fields | outcome)


async def sent(
    settings: "Settings", wanted: "Order", auto: bool, timeout: float, chosen: bool
) -> "tuple[Order, OrderOutcome]":
    """The order as it was sent, and its outcome."""
    from meter.commands.place_order import placed

    if auto:
        wanted = await paid_from_cash(settings, wanted, chosen)
    return wanted, await placed(settings, wanted, timeout, chosen)


async def paid_from_cash(settings: "Settings", wanted: "Order", chosen: bool) -> "Order":
    """The order with the price it has today, paid from cash; one that was sent before is paid as it was."""
    from agents.quote import quoted
    from meter.commands.place_order import ordered

    before = await ordered(settings, wanted.account, wanted.order_id) if chosen else None
    if before is not None:
        return wanted.model_copy(update={"payments": getattr(before, "payments", ())})
    return with_price_paid(wanted, await quoted(settings, wanted))


def with_price_paid(wanted: "Order", quote: "Quote") -> "Order":
    """The order with its quoted price paid from cash; `NotSent` if it would be refused."""
    from agents.quote import paid_in_cash
    from schemas.money import money_text
    from schemas.reasons import Refusal

    decision = quote.decision
    if decision.refusal is not None:
        raise NotSent(decision.refusal, f"it would be refused: {decision.refusal}: {decision.error}")
    if not decision.price:
        return wanted
    if quote.cash < decision.price:
        raise NotSent(
            Refusal.BALANCE_EXCEEDED,
            f"cash holds {money_text(quote.cash)}, the price is {money_text(decision.price)}; `meter top-up "
            f"{wanted.account} {money_text(decision.price - quote.cash)}`, or pay otherwise (--pay)",
        )
    return paid_in_cash(wanted, decision.price)
