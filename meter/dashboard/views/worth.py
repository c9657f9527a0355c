"""Estimates what dead letters of usage would add, in units and money, if they were resent and counted now.

Only an estimate: a record's final effect depends on the usage before it. Usage of a workspace in a
plan first fills what its plans have left of the day's quota; by law 7 the order in a list does not change the sum.
"""

from base64 import b64decode
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from meter.dashboard.operations_models import Worth
from meter.dashboard.sight import Sight, decoded, quantity
from meter.dashboard.views.plans import in_force
from meter.rules.billing_days import day_text, parse_time
from meter.rules.prices import EXACT
from schemas.catalog import Item
from schemas.days import check_time
from schemas.ids import QUANTITY_LIMIT, is_id
from schemas.money import money_text

OWN = "usage."
USAGE = "usage"


class Reported(NamedTuple):
    """The usage in a dead record."""

    workspace: str
    item: str
    day: str
    retention_days: int | None


Sums = dict[Reported, int]


def worth_of(sight: Sight, bodies: Iterable[Mapping[str, Any]]) -> tuple[list[Worth], int]:
    """The letters' effect by workspace, item and day, and the number of records whose effect is unknown."""
    sums: Sums = {}
    unknown = 0
    for body in bodies:
        found = reported(sight, body)
        if found is None:
            unknown += int(body.get("records") or 1)
        else:
            sums[found[0]] = sums.get(found[0], 0) + found[1]
    return [_worth(sight, what, total) for what, total in sorted(sums.items(), key=_by_size)], unknown


def reported(sight: Sight, body: Mapping[str, Any]) -> tuple[Reported, int] | None:
    """The usage in a letter's record; None if it can never be counted."""
    topic = str(body["topic"])
    if body.get("length") or body.get("records") or not body.get("value"):
        return None
    if topic != USAGE and not topic.startswith(OWN):
        return None
    try:
        event = decoded(b64decode(body["value"]).decode())
        data = event["data"]
        workspace = event.get("subject") or topic.removeprefix(OWN)
        amount, retention = data["quantity"], data.get("retention_days")
        day = day_text(sight.calendar.zone.day_of(parse_time(check_time(event["time"]))))
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    named = is_id(workspace) and is_id(data.get("item")) and (retention is None or type(retention) is int)
    if not named or type(amount) is not int or not abs(amount) <= QUANTITY_LIMIT:
        return None
    return Reported(workspace, data["item"], day, retention), amount


def _worth(sight: Sight, what: Reported, total: int) -> Worth:
    item = sight.item(what.item, what.day)
    row = sight.row("SELECT account FROM workspaces WHERE workspace = ?", what.workspace)
    account = None if row is None else str(row[0])
    retention = None if item is None else what.retention_days or item.default_retention
    known = item is not None and (not item.retentions or retention in item.retentions)
    usage = _converted(item, retention, total) if item is not None and known else None
    amount = None
    if item is not None and usage is not None and account is not None:
        amount = _amount(sight, account, what, item, retention, total, usage)
    return Worth(
        account=account,
        workspace=what.workspace,
        item=what.item,
        day=what.day,
        quantity=total,
        usage=usage,
        amount=None if amount is None else money_text(amount),
    )


def _converted(item: Item, retention: int | None, total: int) -> int:
    return total * item.retentions[retention].factor if retention in item.retentions else total


def _amount(
    sight: Sight, account: str, what: Reported, item: Item, retention: int | None, total: int, usage: int
) -> Decimal:
    """The cost: of the part above the remaining quota if a plan lists the workspace, else of all usage."""
    cell = sight.row(
        "SELECT usage, basis FROM cells WHERE day = ? AND account = ? AND workspace = ? AND item = ?",
        what.day,
        account,
        what.workspace,
        what.item,
    )
    more = usage if item.aggregation == "sum" else max(0, usage - (quantity(cell[0]) if cell is not None else 0))
    if cell is not None and cell[1] == "free":
        return Decimal(0)
    if _is_listed(sight, account, what):
        row = sight.row(
            "SELECT left FROM items WHERE day = ? AND account = ? AND item = ?", what.day, account, what.item
        )
        return _priced(max(0, more - (quantity(row[0]) if row is not None else 0)), item.unit, item.price)
    by_retention = item.retentions.get(retention or 0)
    charged = max(0, total) if item.aggregation == "sum" else more
    return _priced(charged, item.unit, item.price if by_retention is None else by_retention.price)


def _is_listed(sight: Sight, account: str, what: Reported) -> bool:
    """Whether a plan in force that day lists the workspace."""
    for (body,) in sight.rows("SELECT body FROM records WHERE kind = 'plans' AND account = ?", account):
        plan = decoded(body)
        in_time = plan["first_day"] <= what.day <= plan["last_day"]
        if in_time and what.workspace in in_force(plan["lists"], what.day)["workspaces"]:
            return True
    return False


def _priced(units: int, unit: int, price: Decimal) -> Decimal:
    return EXACT.multiply(Decimal(100 * max(0, units) // unit).scaleb(-2), price)


def _by_size(pair: tuple[Reported, int]) -> tuple[int, str, str, str]:
    what, total = pair
    return -abs(total), what.workspace, what.item, what.day
