"""`/accounts/A/days/D`: an account's day as SPEC2 §12 fixes it."""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from meter.dashboard.answers import Table
from meter.dashboard.asked import Asked
from meter.dashboard.models import (
    DayPage,
    ItemOfDay,
    PlanOfItem,
    Record,
    StripDay,
    WorkspaceOfDay,
    WorkspaceOfItem,
)
from meter.dashboard.sight import NotThere, Sight, decoded, quantity
from meter.dashboard.views.budgets import budgets_of
from meter.dashboard.views.cells import CellRow, cells_of
from meter.dashboard.views.feed import ENTRIES, SHOWN, feed_of
from meter.dashboard.views.forecast import forecast_of
from meter.dashboard.views.samples import samples_of
from meter.rules.billing_days import day_text, parse_day
from meter.rules.charges import due, exact_sum
from schemas.days import check_day
from schemas.money import money_text, price_text

HOUR_US = 3_600_000_000

#: Quota, covered, left, by plan, workspaces in priority order, and how many of them the balance leaves out.
BalanceRow = tuple[int, int, int, list[Any], list[str], int]


def page(sight: Sight, asked: Asked) -> DayPage:
    """The day of the address."""
    account, day = asked.parts[1], asked.parts[3]
    try:
        check_day(day)
    except ValueError as error:
        raise NotThere(f"{error}; this address has another text") from None
    sight.check_account(account)
    return day_of(sight, account, day, ENTRIES if asked.form else SHOWN)


def day_of(sight: Sight, account: str, day: str, entries: int = ENTRIES) -> DayPage:
    """An account's day, with the given number of feed entries."""
    cells = cells_of(sight, account, day)
    statement = sight.row(
        "SELECT body FROM statements WHERE day = ? AND account = ? AND body IS NOT NULL ORDER BY revision DESC LIMIT 1",
        day,
        account,
    )
    stated = None if statement is None else decoded(statement[0])
    items = _items(sight, account, day, cells)
    found = assembled(sight, account, day, stated, cells, items, strip_of(sight, account))
    found.feed = feed_of(sight, account, day, entries)
    found.forecast = forecast_of(sight, account, day, cells)
    return found


def assembled(
    sight: Sight,
    account: str,
    day: str,
    stated: Record | None,
    cells: list[CellRow],
    items: dict[str, ItemOfDay],
    strip: list[StripDay],
) -> DayPage:
    """The page of these figures; `stated`: the account's statement."""
    begins, ends = sight.calendar.bounds(day)
    total = sight.row("SELECT charge, alerts FROM account_days WHERE day = ? AND account = ?", day, account)
    amount = due([Decimal(total[0])]) if total is not None else Decimal(0)
    return DayPage(
        account=account,
        day=day,
        today=sight.today,
        state=sight.state(day, account, stated is not None),
        closes_at=sight.calendar.time(sight.calendar.closes_at(day)),
        changes_until=sight.calendar.changes_until(day),
        time_zone=sight.calendar.zone.name,
        currency=sight.catalog.currency,
        amount=stated["amount_due"] if stated is not None and total is None else money_text(amount),
        as_of=sight.as_of(),
        begins=sight.calendar.time(begins),
        ends=sight.calendar.time(ends),
        hours=(ends - begins) / HOUR_US,
        items=items,
        workspaces=_workspaces(cells),
        statement=stated,
        feed=[],
        samples=samples_of(sight, account, day),
        strip=strip,
        alerts_raised=0 if total is None else total[1],
        budgets=budgets_of(sight, account, day, cells),
    )


def table(model: DayPage) -> Table:
    """A row for each workspace and item."""
    names = ("workspace", "usage", "covered", "overage", "charge", "basis", "revision")
    rows = (
        (model.account, model.day, name, *(getattr(each, column) for column in names))
        for name, item in model.items.items()
        for each in item.workspaces
    )
    return ("account", "day", "item", *names), rows


def _items(sight: Sight, account: str, day: str, cells: list[CellRow]) -> dict[str, ItemOfDay]:
    by_item: dict[str, dict[str, CellRow]] = defaultdict(dict)
    for cell in cells:
        by_item[cell.item][cell.workspace] = cell
    balances = {
        row[0]: row[1:]
        for row in sight.rows(
            "SELECT item, quota, covered, left, plans, workspaces, more FROM items WHERE day = ? AND account = ?",
            day,
            account,
        )
    }
    names = sorted({*by_item, *balances}, key=lambda name: _place(sight, day, name))
    return {name: item_of(sight, day, name, by_item[name], _balance(balances.get(name))) for name in names}


def _place(sight: Sight, day: str, name: str) -> tuple[int, str]:
    """Items in catalog order, then the others by name."""
    known = list(sight.catalog.version(parse_day(day)).items)
    return (known.index(name) if name in known else len(known), name)


def _balance(row: Any) -> BalanceRow:
    quota, covered, left, plans, order, more = row or (0, 0, 0, "[]", "[]", 0)
    return quantity(quota), quantity(covered), quantity(left), decoded(plans), decoded(order), more


def item_of(sight: Sight, day: str, name: str, cells: dict[str, CellRow], balance: BalanceRow) -> ItemOfDay:
    """An item of the day; `cells` by workspace."""
    quota, covered, left, plans, order, more = balance
    ordered = [cells[each] for each in order if each in cells]
    named = {cell.workspace for cell in ordered}
    others = sorted((cell for cell in cells.values() if cell.workspace not in named), key=_most_over_first)
    known = sight.item(name, day)
    beyond = sum(cell.basis == "package" for cell in others)
    return ItemOfDay(
        quota=quota,
        covered=covered,
        left=left,
        overage=sum(cell.overage for cell in cells.values()),
        charge=money_text(exact_sum(Decimal(cell.charge) for cell in cells.values())),
        plans=[PlanOfItem(**plan) for plan in plans],
        workspaces=[_workspace(cell) for cell in (*ordered, *others)],
        more=max(0, more - beyond),
        unit=None if known is None else known.unit,
        unit_price=None if known is None else price_text(known.price),
        aggregation=None if known is None else known.aggregation,
    )


def _most_over_first(cell: CellRow) -> tuple[bool, int, str]:
    """Workspaces beyond those that the balance names, then those outside of plans: most over first."""
    return cell.basis != "package", -cell.overage, cell.workspace


def _workspace(cell: CellRow) -> WorkspaceOfItem:
    return WorkspaceOfItem(
        workspace=cell.workspace,
        usage=cell.usage,
        covered=cell.covered,
        overage=cell.overage,
        charge=cell.charge,
        basis=cell.basis,
        revision=cell.revision,
    )


def _workspaces(cells: Iterable[CellRow]) -> list[WorkspaceOfDay]:
    """Money by workspace, most first."""
    by_name: dict[str, list[CellRow]] = defaultdict(list)
    for cell in cells:
        by_name[cell.workspace].append(cell)
    sums = {name: exact_sum(Decimal(cell.charge) for cell in each) for name, each in by_name.items()}
    return [
        WorkspaceOfDay(
            workspace=name,
            basis=by_name[name][0].basis,
            charge=money_text(sums[name]),
            items_over=sum(cell.overage > 0 for cell in by_name[name]),
        )
        for name in sorted(by_name, key=lambda name: (-sums[name], name))
    ]


def strip_of(sight: Sight, account: str) -> list[StripDay]:
    """The days of the horizon through today, oldest first."""
    today = parse_day(sight.today)
    first = day_text(today - sight.calendar.horizon_days)
    totals = dict(sight.rows("SELECT day, charge FROM account_days WHERE day >= ? AND account = ?", first, account))
    stated = {
        row[0]: row[1]
        for row in sight.rows(
            "SELECT day, max(restated) FROM statements WHERE day >= ? AND account = ? GROUP BY day", first, account
        )
    }
    days = [day_text(number) for number in range(today - sight.calendar.horizon_days, today + 1)]
    return [
        StripDay(
            day=day,
            state=sight.state(day, account, day in stated),
            amount=money_text(due([Decimal(totals[day])])) if day in totals else None,
            restated=bool(stated.get(day, 0)),
        )
        for day in days
    ]
