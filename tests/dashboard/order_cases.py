"""The order pages as people meet them: made by the code itself from the worked example, a model each."""

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from meter.commands.place_order import RecordPosition
from meter.dashboard.asked import Asked
from meter.dashboard.orders.fields import WORDS, fields_of
from meter.dashboard.orders.forms import form_of
from meter.dashboard.orders.sending import FAILED, SENT, SentOrder
from meter.dashboard.sight import Sight
from meter.dashboard.site import Site
from meter.dashboard.views import order
from meter.rules.billing_days import parse_time
from meter.settings import Settings
from schemas.catalog import load_catalog
from schemas.orders import order_from_json
from tests.dashboard.live_board import record
from tests.dashboard.order_worlds import ACCOUNT, KnownHere, worked_example
from tests.dashboard.page_models import DAY, NOW, site
from tests.dashboard.read_models import ReadModel

Case = tuple[str, dict[str, Any], Site]
PLAN = {"plan_id": "o-1"}
LISTED = {"workspaces": "acme-staging,acme-tools"}
TOP_UP = b'{"order_id":"t-7","account":"acme","kind":"top_up","method":"cash","amount":"500.00"}'


def order_form(word: str, query: Mapping[str, str], notice: str = "", sent: bool = False) -> Case:
    """A form as an address shows it."""
    given = {"order_id": f"{word}-20260131-5eed", **query}
    fields = fields_of(WORDS[word], ACCOUNT, {name: (text,) for name, text in given.items()})
    form = _seen(lambda sight: form_of(sight, fields, KnownHere().judged(), sent, notice).form)
    return "order", form, site(f"/accounts/{ACCOUNT}/{word}", query=form["fields"], **_WRITER)


def sent_order(state: str = SENT, at: str = "0/12", **published: Any) -> Case:
    """An order's page; `published`: what came of it, by topic."""
    records = [record(topic.replace("_", "-"), key, value) for topic, (key, value) in published.items()]

    def model(sight: Sight) -> msgspec.Struct:
        found = SentOrder(order_from_json(TOP_UP), "seen", sight.now_us - 20_000_000, state)
        found.place = RecordPosition("plan-purchases", 0, 12) if state == SENT else None
        found.error = "Kafka did not take order t-7: KafkaTimeoutError" if state == FAILED else None
        sight.live.orders[ACCOUNT, "t-7"] = found
        return order.page(sight, Asked(("accounts", ACCOUNT, "orders", "t-7"), "", {"at": at}))

    return "sent_order", _seen(model, records), site(f"/accounts/{ACCOUNT}/orders/t-7", query={"at": at}, **_WRITER)


def outcome(outcome: str, **more: Any) -> tuple[str, dict[str, Any]]:
    """A record of `order-outcomes` of the order."""
    whole = {"order_id": "t-7", "account": ACCOUNT, "kind": "purchase", "outcome": outcome, "currency": "CNY"}
    return f"{ACCOUNT}/t-7", {**whole, "revision": 41, **more}


def letter() -> tuple[str, dict[str, Any]]:
    """A record of `dead-letters` of the order's record."""
    value = "eyJvcmRlcl9pZCI6InQtNyIsImFjY291bnQiOiJhY21lIn0="
    where = {"topic": "plan-purchases", "partition": 0, "offset": 12, "key": None, "value": value, "headers": []}
    error = "order t-7 was decided with other content: amount was 500.00, this one has 700.00"
    return "plan-purchases/0/12", {"reason": "conflicting_duplicate", "error": error, "at": NOW, **where}


_WRITER: dict[str, Any] = {"writable": True, "signed_in": True, "write_token_set": True}
PAID = {"payments": [{"method": "cash", "amount": "42000.00"}], "price": "42000.00", "plan_id": "t-7"}
DAYS = {"first_day": DAY, "last_day": "2027-02-06"}
REFUSED = {
    "reason": "balance_exceeded",
    "error": "an instrument is drawn no lower than 0: cash pays 42000.00, it has 1.00",
}
SPLIT = {"paying": "split", "pay.cash": "100.00", "pay.prepaid_card.card-9": "3500.00"}
FIELDS_WRONG = {"units.logs": "many", "discount.logs": "7", "first_day": "2020-01-01"}

CARD = {"amount": "5.00", "method": "prepaid_card", "instrument": "card-9"}
TAKEN = "Nothing was sent: another order was sent under this id."

ORDER_CASES: Mapping[str, Callable[[], Case]] = {
    "top_up": lambda: order_form("top-up", {"amount": "500.00"}),
    "top_up_card": lambda: order_form("top-up", CARD),
    "buy_begun": lambda: order_form("buy", {}),
    "buy": lambda: order_form("buy", {"plan": "startup", **LISTED}),
    "buy_wrong": lambda: order_form("buy", {"plan": "growth", "workspaces": "acme-lab", **FIELDS_WRONG}),
    "add_traffic": lambda: order_form("add-traffic", {**PLAN, "units.logs": "50", "discount.logs": "0.8"}),
    "upgrade": lambda: order_form("upgrade", {**PLAN, "plan": "growth", **SPLIT}),
    "change_workspaces": lambda: order_form("change-workspaces", {**PLAN, "workspaces": "acme-staging,acme-prod"}),
    "change_nobody": lambda: order_form("change-workspaces", {**PLAN, "workspaces": "-"}),
    "order_taken": lambda: order_form("top-up", {}, TAKEN, sent=True),
    "order_waiting": lambda: sent_order(),
    "order_sending": lambda: sent_order("sending", at=""),
    "order_failed": lambda: sent_order(FAILED, at=""),
    "order_accepted": lambda: sent_order(order_outcomes=outcome("accepted", **PAID, **DAYS)),
    "order_refused": lambda: sent_order(order_outcomes=outcome("refused", **REFUSED, price="42000.00")),
    "order_dead": lambda: sent_order(dead_letters=letter()),
}


def _seen(make: Callable[[Sight], msgspec.Struct], records: list[Any] | None = None) -> dict[str, Any]:
    """The model that is made of the worked example, as its JSON has it."""
    with TemporaryDirectory() as directory:
        model = ReadModel(Path(directory) / "dashboard.sqlite", "+08:00", catalog=load_catalog())
        try:
            model.take([*worked_example(DAY), *(records or [])], DAY)
            with model.store.reading() as connection:
                now_us = parse_time("2026-01-31T20:00:03.120+08:00")
                sight = Sight(connection, model.calendar, model.catalog, Settings(), now_us, model.live)
                found: dict[str, Any] = msgspec.to_builtins(make(sight))
                return found
        finally:
            model.close()
