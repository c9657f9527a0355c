"""Maps an address to a page: its name, and the functions that make its model and its table."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from meter.dashboard.answers import Table
from meter.dashboard.asked import Asked
from meter.dashboard.models import Model
from meter.dashboard.sight import NotThere, Sight
from meter.dashboard.views import accounts, alerts, day, dead_letters, history, operations, order, plans
from schemas.days import DAY_PATTERN as DAY_TEXT
from schemas.ids import is_id


class Route(NamedTuple):
    """A page."""

    name: str
    model: Callable[[Sight, Asked], Model]
    table: Callable[[Any], Table]


ACCOUNTS = Route("accounts", accounts.page, accounts.table)
DAY = Route("day", day.page, day.table)
HISTORY = Route("history", history.page, history.table)
PLANS = Route("plans", plans.page, plans.table)
ORDER = Route("sent_order", order.page, order.table)
ALERTS = Route("alerts", alerts.page, alerts.table)
DEAD_LETTERS = Route("dead_letters", dead_letters.page, dead_letters.table)
OPERATIONS = Route("operations", operations.page, operations.table)
#: Text in the form of a day.
DAY_PATTERN = re.compile(DAY_TEXT, re.ASCII)
SINGLE = {"alerts": ALERTS, "dead-letters": DEAD_LETTERS, "operations": OPERATIONS}


def route_of(asked: Asked) -> Route:
    """The page of an address; raises NotThere."""
    match asked.parts:
        case ():
            return ACCOUNTS
        case (name,) if name in SINGLE:
            return SINGLE[name]
        case ("accounts", account, "days", _) if is_id(account):
            return DAY
        case ("accounts", account, "history") if is_id(account):
            return HISTORY
        case ("accounts", account, "plans") if is_id(account):
            return PLANS
        case ("accounts", account, "orders", order_id) if is_id(account) and is_id(order_id):
            return ORDER
    raise NotThere("there is no such page; the first page lists every account")


def account_of(asked: Asked) -> str | None:
    """The account of `/accounts/A`, which redirects to its present day."""
    match asked.parts:
        case ("accounts", account) if is_id(account):
            return account
    return None


def is_day(asked: Asked) -> bool:
    """Whether an address is an account's day."""
    match asked.parts:
        case ("accounts", account, "days", day) if is_id(account):
            return DAY_PATTERN.fullmatch(day) is not None
    return False


def route_name(asked: Asked) -> str:
    """The name of an address's page; empty if there is none."""
    try:
        return route_of(asked).name
    except NotThere:
        return ""
