"""`/accounts/A/plans`: plans in drawing order, what they leave unused, wallets, order outcomes."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from meter.dashboard.account_models import OrderView, PlansPage, PlanView, UnusedQuota
from meter.dashboard.answers import Table
from meter.dashboard.asked import Asked
from meter.dashboard.models import Record
from meter.dashboard.sight import Sight, decoded, quantity
from meter.rules.billing_days import parse_day
from meter.rules.prices import EXACT
from schemas.money import money_text

#: Order outcomes shown, newest first.
ORDERS = 200


def page(sight: Sight, asked: Asked) -> PlansPage:
    """An account's plans today."""
    account = asked.parts[1]
    sight.check_account(account)
    plans = [_plan(sight, account, record) for record in _records(sight, "plans", account)]
    return PlansPage(
        account=account,
        as_of=sight.as_of(),
        time_zone=sight.calendar.zone.name,
        day=sight.today,
        currency=sight.catalog.currency,
        plans=sorted(plans, key=_drawing_order),
        wallets=_records(sight, "wallets", account),
        orders=[
            OrderView(outcome=decoded(body), published_at=sight.calendar.time(at_ms * 1000))
            for body, at_ms in sight.rows(
                "SELECT body, at_ms FROM records WHERE kind = 'order-outcomes' AND account = ?"
                " ORDER BY revision DESC, offset DESC LIMIT ?",
                account,
                ORDERS,
            )
        ],
    )


def table(model: PlansPage) -> Table:
    """A row for each plan and item it has a quota for today."""
    columns = ("account", "plan_id", "state", "package", "first_day", "last_day", "days_left", "workspaces")
    names = ("item", "quota", "covered", "unused", "value")
    rows: list[tuple[object, ...]] = []
    for plan in model.plans:
        record = plan.plan
        head = (model.account, record["plan_id"], plan.state, plan.package, record["first_day"], record["last_day"])
        whole = (*head, plan.days_left, " ".join(plan.workspaces))
        rows += [(*whole, *(getattr(each, name) for name in names)) for each in plan.unused]
        if not plan.unused:
            rows.append((*whole, *(None for _ in names)))
    return (*columns, *names), rows


def _records(sight: Sight, kind: str, account: str) -> list[Record]:
    rows = sight.rows("SELECT body FROM records WHERE kind = ? AND account = ? ORDER BY name", kind, account)
    return [decoded(row[0]) for row in rows]


def _plan(sight: Sight, account: str, record: Record) -> PlanView:
    today, first, last = sight.today, record["first_day"], record["last_day"]
    state = "future" if today < first else "expired" if today > last else "in_force"
    counted = max(today, first)
    unused = [_unused(sight, account, record, item, counted) for item in _quotas(record, counted)]
    values = [Decimal(each.value) for each in unused if each.value is not None]
    return PlanView(
        plan=record,
        state=state,
        days_left=max(0, parse_day(last) - parse_day(counted) + 1),
        package=in_force(record["packages"], counted)["plan"],
        workspaces=in_force(record["lists"], counted)["workspaces"],
        unused=unused if state == "in_force" else [],
        unused_value=money_text(sum(values, Decimal(0)) if state == "in_force" else Decimal(0)),
    )


def in_force(changes: Sequence[Any], day: str) -> Any:
    """The last entry whose `from` day is not after `day`; the first entry if there is none."""
    return [changes[0], *(each for each in changes if each["from"] <= day)][-1]


def _quotas(record: Record, day: str) -> dict[str, int]:
    """A plan's quota by item on a day: its package and the traffic packages in force."""
    quotas: dict[str, int] = dict(in_force(record["packages"], day)["quotas"])
    for line in record["traffic"]:
        if line["from"] <= day <= line["through"]:
            quotas[line["item"]] = quotas.get(line["item"], 0) + line["units"] * line["capacity"]
    return quotas


def _unused(sight: Sight, account: str, record: Record, item: str, day: str) -> UnusedQuota:
    quota = _quotas(record, day)[item]
    row = sight.row("SELECT plans FROM items WHERE day = ? AND account = ? AND item = ?", day, account, item)
    balances = [] if row is None else [plan for plan in decoded(row[0]) if plan["plan_id"] == record["plan_id"]]
    covered = quantity(balances[0]["covered"]) if balances else 0
    known = sight.item(item, day)
    unused = max(0, quota - covered)
    value = None if known is None else EXACT.multiply(Decimal(unused * 100 // known.unit).scaleb(-2), known.price)
    return UnusedQuota(
        item=item, quota=quota, covered=covered, unused=unused, value=None if value is None else money_text(value)
    )


def _drawing_order(plan: PlanView) -> tuple[bool, int, str, str, str]:
    """In force first, then SPEC §4's order: workspaces listed, last day, first day, plan id."""
    record = plan.plan
    return (
        plan.state != "in_force",
        len(plan.workspaces),
        record["last_day"],
        record["first_day"],
        record["plan_id"],
    )
