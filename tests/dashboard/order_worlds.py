"""An account that orders from the browser: the dashboard of a file without Kafka, with what its forms ask Kafka for."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from pydantic import SecretStr

from meter.commands.place_order import RecordPosition
from meter.dashboard.ingest.published import Published, Region
from meter.dashboard.orders.answering import Ordering
from meter.dashboard.orders.known import Judged
from meter.dashboard.orders.sending import Sending
from meter.rules.billing_days import day_text, parse_day
from schemas.catalog import Catalog, load_catalog
from schemas.orders import Order
from schemas.rows import NEVER, Binding
from tests.dashboard.live_board import REVISIONS, Board, figures, record
from tests.dashboard.page_models import MILLION
from tests.dashboard.served import WRITE_TOKEN
from tests.end_to_end.dashboards import NoRedirects

ACCOUNT = "acme"
Fields = Sequence[tuple[str, str]]
Answer = tuple[int, dict[str, str], str]
#: Whoever has the write token.
BEARER = {"Authorization": f"Bearer {WRITE_TOKEN}"}
WRITING: dict[str, Any] = {"dashboard_write_token": SecretStr(WRITE_TOKEN)}


#: The account's workspaces by their tier.
COMMERCIAL, STILL_FREE = ("acme-prod", "acme-staging", "acme-tools"), ("acme-lab",)


class KnownHere:
    """What an order is judged by, as a test says it: the catalog, and workspaces by their tier."""

    def __init__(
        self,
        commercial: Iterable[str] = COMMERCIAL,
        free: Iterable[str] = STILL_FREE,
        catalog: Catalog | None = None,
    ) -> None:
        self.catalog = catalog or load_catalog()
        self.own = {name: Binding(ACCOUNT, 0) for name in commercial}
        self.own |= {name: Binding(ACCOUNT, NEVER) for name in free}

    async def judged_by(self, account: str, workspaces: Sequence[str]) -> Judged:
        return self.judged(account)

    def judged(self, account: str = ACCOUNT) -> Judged:
        own = self.own if account == ACCOUNT else {}
        return Judged(self.catalog, dict(sorted(own.items())), self.own)

    async def close(self) -> None: ...


class OrderBoard(Board):
    """A dashboard whose orders go to a list instead of Kafka; `decides` publishes what a meter would."""

    def __init__(self, directory: Path, port: int = 0, **fields: Any) -> None:
        super().__init__(directory, port, **{**WRITING, **fields})
        self.sent: list[Order] = []

    def __enter__(self) -> "OrderBoard":
        super().__enter__()
        self.known = KnownHere()
        changes = self.board.changes
        sending = Sending(
            self.settings, self.board.live.orders, lambda of: changes.publish({Region("records", of)}), self._take
        )
        self.board.ordering = Ordering(self.known, sending)
        return self

    async def _take(self, order: Order) -> RecordPosition:
        self.sent.append(order)
        return RecordPosition("plan-purchases", 0, len(self.sent) - 1)

    def decided(self, order_id: str, kind: str, **more: Any) -> Published:
        """The outcome of an order."""
        whole = {"order_id": order_id, "account": ACCOUNT, "kind": kind, "outcome": "accepted"}
        return record("order-outcomes", f"{ACCOUNT}/{order_id}", {**whole, **more, "revision": next(REVISIONS)})


def wallet(balance: str, method: str = "cash", **more: Any) -> Published:
    """A wallet of the account."""
    instrument = more.get("instrument")
    key = "/".join(filter(None, (ACCOUNT, method, instrument)))
    whole = {"account": ACCOUNT, "method": method, "balance": balance, "currency": "CNY", **more}
    return record("wallets", key, {**whole, "revision": next(REVISIONS)})


def plan(
    plan_id: str, workspaces: Sequence[str], today: str, name: str = "startup", units: int = 0, **more: Any
) -> Published:
    """A plan of the account that began ten days ago, with traffic packages for logs."""
    package = load_catalog().version(parse_day(today)).plans[name]
    first = parse_day(today) - 10
    since = day_text(first)
    whole: dict[str, Any] = {
        "account": ACCOUNT,
        "plan_id": plan_id,
        "first_day": since,
        "last_day": day_text(first + 371),
        "packages": [{"from": since, "plan": name, "price": f"{package.price:.2f}", "quotas": package.quotas}],
        "lists": [{"from": since, "workspaces": list(workspaces)}],
        "traffic": [],
    }
    if units:
        line = {"item": "logs", "units": units, "discount": "1", "capacity": MILLION, "from": since}
        whole["traffic"] = [{**line, "through": whole["last_day"]}]
    return record("plans", f"{ACCOUNT}/{plan_id}", {**whole, **more, "revision": next(REVISIONS)})


def worked_example(today: str, cash: str = "60000.00") -> list[Published]:
    """150 M of logs a day for production, then staging; each used 100 M, so staging is over by 50 M."""
    usages = {"acme-prod": 100 * MILLION, "acme-staging": 100 * MILLION}
    return [
        wallet(cash),
        wallet("3500.00", "prepaid_card", instrument="card-9", expires_on="2099-12-31"),
        plan("o-1", ["acme-prod", "acme-staging"], today, units=110),
        *figures(ACCOUNT, today, "logs", 150 * MILLION, usages, "acme-prod"),
        *figures(ACCOUNT, today, "traces", 5 * MILLION, {"acme-prod": 3_200_000}, "acme-prod"),
    ]


def ask(board: OrderBoard, path: str, form: Fields | None = None, **headers: str) -> Answer:
    """An answer, redirects not followed."""
    body = None if form is None else urlencode(form).encode()
    named = {name.replace("_", "-"): value for name, value in {**BEARER, **headers}.items() if value}
    request = urllib.request.Request(board.address + path, body, named)
    try:
        with urllib.request.build_opener(NoRedirects).open(request, timeout=60) as response:
            return response.status, dict(response.headers), response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read().decode()


def shown(board: OrderBoard, path: str) -> dict[str, Any]:
    """The JSON of a form."""
    found: dict[str, Any] = json.loads(ask(board, path)[2])
    return found
