"""The model of an order form: its fields, choices and problems, the quote and its effect."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

from meter.dashboard.answers import Table
from meter.dashboard.models import Record
from meter.dashboard.order_models import Choices, OrderForm, PackageChoice, TrafficChoice, WorkspaceChoice
from meter.dashboard.orders.command import command_of
from meter.dashboard.orders.fields import Fields
from meter.dashboard.orders.known import Judged
from meter.dashboard.orders.quoting import Holdings, Quoted, quoted_form, used_today
from meter.dashboard.orders.reading import missing_of, order_of
from meter.dashboard.sight import Sight
from meter.dashboard.views.plans import in_force
from meter.rules.billing_days import parse_day
from meter.rules.charges import exact_sum
from schemas.catalog import Version
from schemas.money import money_text, price_text
from schemas.orders import Order
from schemas.rows import Binding

#: Most workspaces offered; others are added by name.
OFFERED = 300
NOTHING_QUOTED = Quoted(None, [], None, None)


class Made(NamedTuple):
    """A form, and the quoted order with its payments; None without a quote."""

    form: OrderForm
    order: Order | None


def form_of(sight: Sight, fields: Fields, judged: Judged, sent: bool, notice: str = "") -> Made:
    """A form; `sent`: its id is taken, so it has no quote and cannot be sent."""
    holdings = Holdings(sight, fields.account)
    plan = holdings.plan(fields.plan_id) if fields.plan_id else None
    fields = _begun(sight, fields, plan)
    missing = missing_of(fields)
    taken = sent or fields.order_id in holdings.plan_rows or decided(sight, fields.account, fields.order_id)
    quoted = NOTHING_QUOTED if missing or taken else quoted_form(sight, fields, holdings, judged)
    order = quoted.order if quoted.order is not None or missing else order_of(fields)
    form = OrderForm(
        account=fields.account,
        as_of=sight.as_of(),
        time_zone=sight.calendar.zone.name,
        currency=judged.catalog.currency,
        day=sight.today,
        kind=fields.kind,
        order_id=fields.order_id,
        fields=dict(fields.query()),
        plan=plan,
        choices=_choices(sight, fields, holdings, judged),
        problems=quoted.problems,
        missing=missing,
        quote=quoted.view,
        effect=quoted.effect,
        sent=taken,
        notice=notice,
        command=command_of(fields, None if isinstance(order, list) else order),
    )
    return Made(form, quoted.order)


def table(form: OrderForm) -> Table:
    """A row for each workspace and item that the order changes today."""
    names = ("workspace", "usage", "covered_before", "covered", "overage_before", "overage")
    money = ("charge_before", "charge", "basis_before", "basis")
    items = form.effect.items if form.effect is not None else []
    rows = (
        (form.account, form.day, item.item, *(getattr(each, name) for name in (*names, *money)))
        for item in items
        for each in item.workspaces
    )
    return ("account", "day", "item", *names, *money), rows


def decided(sight: Sight, account: str, order_id: str) -> bool:
    """Whether an outcome is published under an id."""
    query = "SELECT 1 FROM records WHERE kind = 'order-outcomes' AND account = ? AND name = ?"
    return sight.row(query, account, order_id) is not None


def _begun(sight: Sight, fields: Fields, plan: Record | None) -> Fields:
    """Fill in the plan's present list as the start of a change."""
    if fields.kind != "change_workspaces" or plan is None or fields.workspaces is not None:
        return fields
    day = max(sight.today, plan["first_day"])
    return replace(fields, workspaces=tuple(in_force(plan["lists"], day)["workspaces"]))


def _choices(sight: Sight, fields: Fields, holdings: Holdings, judged: Judged) -> Choices:
    version = judged.catalog.version(parse_day(sight.today))
    lists = fields.kind in ("purchase", "change_workspaces")
    offered = _workspaces(sight, fields, judged.own) if lists else []
    return Choices(
        packages=_packages(version, fields.kind),
        validity_days=judged.catalog.validity_days,
        traffic=_traffic(version) if fields.kind in ("purchase", "add_traffic") else [],
        workspaces=offered,
        more_workspaces=len(judged.own.keys() - {each.workspace for each in offered}) if lists else 0,
        wallets=[body for body, _ in holdings.wallets],
    )


def _packages(version: Version, kind: str) -> list[PackageChoice]:
    if kind not in ("purchase", "upgrade"):
        return []
    packages = sorted(version.plans.values(), key=lambda each: (each.price, each.name))
    return [
        PackageChoice(plan=each.name, title=each.title, price=money_text(each.price), quotas=dict(each.quotas))
        for each in packages
    ]


def _traffic(version: Version) -> list[TrafficChoice]:
    return [
        TrafficChoice(item=each.item, capacity=each.capacity, price=price_text(each.price))
        for each in version.traffic.values()
    ]


def _workspaces(sight: Sight, fields: Fields, own: Mapping[str, Binding]) -> list[WorkspaceChoice]:
    """Every workspace of the list, then the others of the account."""
    listed = fields.workspaces or ()
    names = dict.fromkeys([*listed, *list(own)[:OFFERED]])
    charges: dict[str, list[Decimal]] = defaultdict(list)
    for cell in used_today(sight, fields.account, sight.today):
        charges[cell.workspace].append(Decimal(cell.charge))
    day = parse_day(sight.today)
    return [
        WorkspaceChoice(
            workspace=name,
            commercial=name in own and own[name].commercial <= day,
            charge=money_text(exact_sum(charges.get(name, []))),
        )
        for name in names
    ]
