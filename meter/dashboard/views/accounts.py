"""`/`: every account with its figures of today."""

import re
from decimal import Decimal

from meter.dashboard.answers import Table
from meter.dashboard.asked import Asked
from meter.dashboard.models import AccountRow, AccountsPage, HighestShare
from meter.dashboard.sight import Sight, quantity, query_of
from meter.rules.charges import due
from schemas.money import money_text

PAGE_ROWS = 100
#: Rows of the table as CSV or JSON with `?all=1`.
ALL_ROWS = 100_000
#: What each sort orders by; the account's name decides between equals.
SORTS = {
    "account": "account",
    "amount": "CAST(charge AS REAL) DESC",
    "share": "percent DESC",
    "alerts": "alerts DESC",
    "change": "at_ms DESC",
}
OPPOSITE = {"account": "account DESC", **{name: by.replace(" DESC", "") for name, by in SORTS.items() if " " in by}}
DEFAULT_SORT = "amount"
#: Characters allowed in a search: those of an account's id.
SEARCHED = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)

TODAY = """
    SELECT a.account AS account, coalesce(d.charge, '0.00') AS charge, coalesce(d.currency, '') AS currency,
           coalesce(d.percent, -1) AS percent, coalesce(d.item, '') AS item, coalesce(d.alerts, 0) AS alerts,
           coalesce(d.at_ms, 0) AS at_ms
    FROM accounts a LEFT JOIN account_days d ON d.day = ?1 AND d.account = a.account
    WHERE instr(lower(a.account), ?2) > 0
       OR (length(?2) > 1 AND a.account IN (SELECT account FROM workspaces WHERE instr(lower(workspace), ?2) > 0))
"""


def page(sight: Sight, asked: Asked) -> AccountsPage:
    """One sorted page of the accounts whose id, or the id of a workspace, matches the search."""
    search, sort = query_of(asked.query, "search").strip(), query_of(asked.query, "sort") or DEFAULT_SORT
    found = TODAY if not search or SEARCHED.fullmatch(search) else f"{TODAY} AND 0"
    values = (sight.today, search.lower())
    every = sight.rows(f"SELECT charge, alerts FROM ({found})", *values)
    rows_a_page = ALL_ROWS if asked.form == "csv" or asked.query.get("all") == "1" else PAGE_ROWS
    pages = max(1, -(-len(every) // rows_a_page))
    number = min(pages, _number(query_of(asked.query, "page")))
    rows = sight.rows(
        f"SELECT * FROM ({found}) ORDER BY {_order(sort)}, account LIMIT ?3 OFFSET ?4",
        *values,
        rows_a_page,
        (number - 1) * rows_a_page,
    )
    return AccountsPage(
        as_of=sight.as_of(),
        time_zone=sight.calendar.zone.name,
        day=sight.today,
        currency=sight.catalog.currency,
        search=search,
        sort=sort if sort.removeprefix("-") in SORTS else DEFAULT_SORT,
        page=number,
        pages=pages,
        total=len(every),
        amount=money_text(sum((due([Decimal(row[0])]) for row in every), Decimal(0))),
        alerts_raised=sum(row[1] for row in every),
        accounts=[_account(sight, *row) for row in rows],
    )


def table(model: AccountsPage) -> Table:
    """The accounts as a table."""
    columns = ("account", "day", "state", "amount", "currency", "percent", "item", "alerts_raised", "last_change")
    rows = (
        (
            row.account,
            row.day,
            row.state,
            row.amount,
            row.currency,
            None if row.highest is None else row.highest.percent,
            None if row.highest is None else row.highest.item,
            row.alerts_raised,
            row.last_change,
        )
        for row in model.accounts
    )
    return columns, rows


def _account(
    sight: Sight, account: str, charge: str, currency: str, percent: int, item: str, alerts: int, at_ms: int
) -> AccountRow:
    highest = None
    if percent >= 0:
        found = sight.row(
            "SELECT covered, quota FROM items WHERE day = ? AND account = ? AND item = ?", sight.today, account, item
        )
        if found is not None:
            highest = HighestShare(item=item, covered=quantity(found[0]), quota=quantity(found[1]), percent=percent)
    return AccountRow(
        account=account,
        day=sight.today,
        state="open",
        amount=money_text(due([Decimal(charge)])),
        currency=currency or sight.catalog.currency,
        highest=highest,
        alerts_raised=alerts,
        last_change=sight.calendar.time_ms(at_ms or None),
    )


def _order(sort: str) -> str:
    name = sort.removeprefix("-")
    if name not in SORTS:
        return SORTS[DEFAULT_SORT]
    return OPPOSITE[name] if sort.startswith("-") else SORTS[name]


def _number(text: str) -> int:
    return max(1, int(text)) if text.isascii() and text.isdecimal() and len(text) < 8 else 1
