"""The command that sends the same order as a form."""

import shlex

from meter.dashboard.orders.fields import KINDS, Fields
from schemas.money import money_text, price_text
from schemas.orders import AddTraffic, ChangeWorkspaces, Order, Payment, Purchase, TopUp, TrafficLine, Upgrade

#: Most characters of a command; a list of 1,000 workspaces belongs in a file.
LONGEST = 2_000


def command_of(fields: Fields, order: Order | None) -> str:
    """The command for an order; for an incomplete form, the beginning of the command."""
    words = ["meter", KINDS[fields.kind], fields.account]
    words += _words(order) if order is not None else ["…"]
    line = " ".join(word if word == "…" else shlex.quote(word) for word in words)
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"


def _words(order: Order) -> list[str]:
    words: list[str] = []
    match order:
        case TopUp():
            words = [money_text(order.amount)]
            words += ["--method", order.method, "--instrument", order.instrument] if order.instrument else []
            words += ["--expires-on", order.expires_on.isoformat()] if order.expires_on else []
        case Purchase():
            words = [order.plan, *order.workspaces, *_traffic(order.traffic)]
            words += ["--first-day", order.first_day.isoformat()] if order.first_day else []
        case AddTraffic():
            words = [order.plan_id, *_traffic(order.traffic)]
        case Upgrade():
            words = [order.plan_id, order.plan]
        case ChangeWorkspaces():
            words = [order.plan_id, *order.workspaces]
    paid = () if isinstance(order, TopUp | ChangeWorkspaces) else order.payments
    return [*words, *_paid(paid), "--order-id", order.order_id]


def _traffic(lines: tuple[TrafficLine, ...]) -> list[str]:
    found = []
    for line in lines:
        discount = f"@{price_text(line.discount)}" if line.discount != 1 else ""
        found += ["--traffic", f"{line.item}={line.units}{discount}"]
    return found


def _paid(payments: tuple[Payment, ...]) -> list[str]:
    found = []
    for each in payments:
        instrument = f":{each.instrument}" if each.instrument else ""
        found += ["--pay", f"{each.method}{instrument}={money_text(each.amount)}"]
    return found
