"""Compares two days of an account: every workspace and item whose charge or overage differs, in money.

The drivers are in an explanation (`/explain/A/W/I/D?compare=D`), which reads the journal; this page reads the file.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from meter.dashboard.models import Model
from meter.dashboard.sight import Sight, quantity, query_of
from schemas.days import parse_date
from schemas.money import money_text

NOTHING = (0, "0")


class CellOfDays(Model):
    """A workspace's item on both days; `difference` is the second day's charge less the first's."""

    workspace: str
    item: str
    overage_before: int
    overage: int
    charge_before: str
    charge: str
    difference: str


class Comparison(Model):
    """Two days: the exact charges of each, and the cells that differ, the greatest difference first; they add up."""

    before: str
    after: str
    amount_before: str
    amount: str
    difference: str
    cells: list[CellOfDays]
    #: Why a day has no figures; None if it has.
    reason: str | None


def comparison(sight: Sight, account: str, query: Mapping[str, str]) -> Comparison | None:
    """The two days of `?from=D&to=D`; None if the query does not name two days."""
    before, after = query_of(query, "from"), query_of(query, "to")
    try:
        parse_date(before)
        parse_date(after)
    except ValueError:
        return None
    first, second = _cells(sight, account, before), _cells(sight, account, after)
    cells = [_cell(name, first.get(name, NOTHING), second.get(name, NOTHING)) for name in sorted({*first, *second})]
    differing = [cell for cell in cells if Decimal(cell.difference) or cell.overage != cell.overage_before]
    amounts = [_sum(first), _sum(second)]
    oldest = sight.calendar.oldest_kept(sight.today)
    gone = [day for day in (before, after) if day < oldest]
    return Comparison(
        before=before,
        after=after,
        amount_before=money_text(amounts[0]),
        amount=money_text(amounts[1]),
        difference=money_text(amounts[1] - amounts[0]),
        cells=sorted(differing, key=lambda cell: -abs(Decimal(cell.difference))),
        reason=f"figures of workspaces are kept from {oldest} on; {gone[0]} has its statement only" if gone else None,
    )


def _cells(sight: Sight, account: str, day: str) -> dict[tuple[str, str], tuple[int, str]]:
    rows = sight.rows("SELECT workspace, item, overage, charge FROM cells WHERE day = ? AND account = ?", day, account)
    return {(workspace, item): (quantity(overage), charge) for workspace, item, overage, charge in rows}


def _cell(name: tuple[str, str], before: tuple[int, str], after: tuple[int, str]) -> CellOfDays:
    return CellOfDays(
        workspace=name[0],
        item=name[1],
        overage_before=before[0],
        overage=after[0],
        charge_before=money_text(Decimal(before[1])),
        charge=money_text(Decimal(after[1])),
        difference=money_text(Decimal(after[1]) - Decimal(before[1])),
    )


def _sum(cells: Mapping[Any, tuple[int, str]]) -> Decimal:
    return sum((Decimal(charge) for _, charge in cells.values()), Decimal(0))
