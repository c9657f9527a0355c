"""`/accounts/A/orders/ID`: an order's state, from this process's sending and the meter's published records."""

from base64 import b64decode
from typing import Any

from meter.dashboard.answers import Table
from meter.dashboard.asked import Asked
from meter.dashboard.mends import mend_of, mend_of_refusal
from meter.dashboard.models import Record
from meter.dashboard.order_models import OrderLetter, OrderPage
from meter.dashboard.sight import Sight, decoded, query_of
from schemas.reasons import DeadReason

ORDERS = "plan-purchases"
#: An outcome comes within a second; later than this, in µs, no worker may be running.
LATE_US = 10_000_000
#: How many of the newest dead letters of orders are searched for an order whose place is unknown.
LOOKED_AT = 500
CONFLICT = "Another order has this id: it counts. Order again under a new id."


def page(sight: Sight, asked: Asked) -> OrderPage:
    """The order of the address."""
    account, order_id = asked.parts[1], asked.parts[3]
    sent = sight.live.orders.get((account, order_id))
    place = _place(sent, query_of(asked.query, "at"))
    row = sight.row(
        "SELECT body, at_ms FROM records WHERE kind = 'order-outcomes' AND account = ? AND name = ?", account, order_id
    )
    outcome: Record | None = None if row is None else decoded(row[0])
    letter = _letter(sight, account, order_id, place, outcome is None)
    at_us = None if sent is None else sent.at_us
    state = _state(sent, place, outcome, letter)
    return OrderPage(
        account=account,
        as_of=sight.as_of(),
        time_zone=sight.calendar.zone.name,
        currency=sight.catalog.currency,
        order_id=order_id,
        state=state,
        kind=outcome["kind"] if outcome is not None else sent.order.kind if sent is not None else None,
        late=state == "waiting" and at_us is not None and sight.now_us - at_us > LATE_US,
        partition=None if place is None else place[0],
        offset=None if place is None else place[1],
        sent_at=None if at_us is None else sight.calendar.time(at_us),
        error=None if sent is None else sent.error,
        outcome=outcome,
        published_at=None if row is None else sight.calendar.time(row[1] * 1000),
        mend=mend_of_refusal(outcome.get("reason", "")) if outcome is not None and state == "refused" else "",
        letter=letter,
        again=None if sent is None else again_of(sent.order),
    )


def table(model: OrderPage) -> Table:
    """One row."""
    outcome = model.outcome or {}
    names = ("reason", "error", "price", "currency", "plan_id", "first_day", "last_day", "revision")
    head = ("account", "order_id", "state", "kind", "partition", "offset")
    row = (*(getattr(model, name) for name in head), *(outcome.get(name) for name in names))
    return (*head, *names), [row]


def again_of(order: Any) -> Record:
    """The fields of an order, for a new form under a new id, and the word in the form's address."""
    shape = order.model_dump(mode="json", exclude_none=True)
    query = {name: shape[name] for name in ("plan_id", "plan", "first_day", "method", "instrument") if name in shape}
    query |= {name: str(shape[name]) for name in ("amount", "expires_on") if name in shape}
    if "workspaces" in shape:
        query["workspaces"] = ",".join(shape["workspaces"])
    for line in shape.get("traffic", ()):
        query[f"units.{line['item']}"] = str(line["units"])
        if line["discount"] != "1":
            query[f"discount.{line['item']}"] = line["discount"]
    payments = shape.get("payments", [])
    if len(payments) > 1 or any("instrument" in each for each in payments):
        query["paying"] = "split"
        query |= {
            ".".join(filter(None, ("pay", each["method"], each.get("instrument")))): each["amount"] for each in payments
        }
    return {"kind": shape["kind"], "query": query}


def _place(sent: Any, at: str) -> tuple[int, int] | None:
    """The order's place on `plan-purchases`: from this process if it sent the order, else from the address."""
    if sent is not None and sent.place is not None:
        return sent.place.partition, sent.place.offset
    partition, _, offset = at.partition("/")
    numbers = [int(text) for text in (partition, offset) if text.isascii() and text.isdecimal() and len(text) < 19]
    return (numbers[0], numbers[1]) if len(numbers) == 2 else None


def _state(sent: Any, place: tuple[int, int] | None, outcome: Record | None, letter: OrderLetter | None) -> str:
    if letter is not None:
        return "dead"
    if outcome is not None:
        return str(outcome["outcome"])
    if sent is not None and sent.state != "sent":
        return str(sent.state)
    return "unknown" if place is None else "waiting"


def _letter(
    sight: Sight, account: str, order_id: str, place: tuple[int, int] | None, search: bool
) -> OrderLetter | None:
    """The dead letter of the order's record; without a place (`search`), the newest letter with this order id."""
    columns = "SELECT body FROM letters WHERE topic = ?"
    if place is not None:
        rows = sight.rows(f"{columns} AND partition = ? AND offset = ?", ORDERS, *place)
    elif search:
        rows = sight.rows(f"{columns} ORDER BY at_ms DESC LIMIT ?", ORDERS, LOOKED_AT)
    else:
        return None
    found = next((body for (text,) in rows if _is_of(body := decoded(text), account, order_id)), None)
    if found is None:
        return None
    reason = found["reason"]
    return OrderLetter(
        reason=reason,
        error=found["error"],
        mend=CONFLICT if reason == DeadReason.CONFLICTING_DUPLICATE else mend_of(reason),
        at=found["at"],
        partition=found["partition"],
        offset=found["offset"],
    )


def _is_of(letter: Record, account: str, order_id: str) -> bool:
    """Whether a letter's record is an order with this account and id; a truncated record may be one."""
    if letter.get("length"):
        return bool(letter.get("key")) and b64decode(letter["key"]).decode("utf-8", "replace") == account
    try:
        order = decoded(b64decode(letter["value"] or "").decode())
        return bool(order["account"] == account and order["order_id"] == order_id)
    except (ValueError, TypeError, KeyError):
        return False
