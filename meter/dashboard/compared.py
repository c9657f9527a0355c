"""`/accounts/A/history?from=D&to=D`: what made the difference between two days, by workspace and item.

The cells with the largest changes are explained by the drivers of `meter explain`; the others form one rest, so that
drivers and rest add up exactly to the difference of the exact charges.
"""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

import msgspec

from meter.dashboard.asked import Asked
from meter.dashboard.explained import Explaining
from meter.dashboard.models import Record
from meter.dashboard.sight import NotThere, Sight
from meter.errors import UserError
from meter.explain.change_model import Drivers
from meter.explain.drivers import total
from meter.explain.reading import Wanted
from meter.rules.billing_days import parse_day
from meter.rules.charges import exact_sum
from schemas.days import check_day
from schemas.money import money_text

#: How many cells are explained, largest difference first.
CELLS = 8


class Changed(NamedTuple):
    """A workspace's item whose charge differs between the two days."""

    workspace: str
    item: str
    before: Decimal
    after: Decimal

    @property
    def difference(self) -> Decimal:
        """The later day's charge less the earlier one's."""
        return self.after - self.before


def days_of(asked: Asked) -> tuple[str, str] | None:
    """The two days of a query; None without any; raises NotThere for an invalid day."""
    first, second = asked.query.get("from", ""), asked.query.get("to", "")
    if not first or not second:
        return None
    try:
        return check_day(first), check_day(second)
    except ValueError as error:
        raise NotThere(f"{error}; two days are compared by ?from=YYYY-MM-DD&to=YYYY-MM-DD") from None


def changed_cells(sight: Sight, account: str, days: tuple[str, str]) -> list[Changed]:
    """Every cell whose charge differs, the largest difference first; raises NotThere for days no longer kept."""
    oldest = sight.calendar.oldest_kept(sight.today)
    if min(days) < oldest:
        raise NotThere(f"figures of workspaces are kept from {oldest} on; compare later days, or use `meter explain`")
    charges: list[dict[tuple[str, str], Decimal]] = []
    for day in days:
        rows = sight.rows("SELECT workspace, item, charge FROM cells WHERE day = ? AND account = ?", day, account)
        charges.append({(workspace, item): Decimal(charge) for workspace, item, charge in rows})
    before, after = charges
    found = [Changed(*key, before.get(key, Decimal(0)), after.get(key, Decimal(0))) for key in {*before, *after}]
    differing = [each for each in found if each.difference]
    return sorted(differing, key=lambda each: (-abs(each.difference), each.workspace, each.item))


async def comparison(explaining: Explaining, account: str, days: tuple[str, str], cells: Sequence[Changed]) -> Record:
    """The comparison of two days; raises UserError if the journal cannot be read now."""
    asked = [
        Wanted(account, cell.workspace, cell.item, parse_day(days[1]), compare_day=parse_day(days[0]), sources=False)
        for cell in cells[:CELLS]
    ]
    answers = await asyncio.gather(*(explaining.of(wanted) for wanted in asked), return_exceptions=True)
    wrong = [each for each in answers if isinstance(each, BaseException)]
    for error in wrong:
        if not isinstance(error, UserError) or len(wrong) == len(answers):
            raise error
    return summed(days, cells, [None if isinstance(each, BaseException) else each.drivers for each in answers])


def summed(days: tuple[str, str], cells: Sequence[Changed], explained: Sequence[Drivers | None]) -> Record:
    """Cells, their drivers, the sum per driver, and the unexplained rest."""
    drivers = [each for each in explained if each is not None]
    sums = {name: amount for name, (_, amount) in total(drivers).items()}
    difference = exact_sum(cell.difference for cell in cells)
    steps = [None if each is None else msgspec.to_builtins(each.steps) for each in explained]
    steps += [None] * (len(cells) - len(steps))
    return {
        "from": days[0],
        "to": days[1],
        "difference": money_text(difference),
        "drivers": [{"driver": name, "amount": money_text(amount)} for name, amount in sums.items()],
        "rest": money_text(difference - exact_sum(sums.values())),
        "cells": [
            {
                "workspace": cell.workspace,
                "item": cell.item,
                "before": money_text(cell.before),
                "after": money_text(cell.after),
                "difference": money_text(cell.difference),
                "steps": each,
            }
            for cell, each in zip(cells, steps, strict=True)
        ][: 5 * CELLS],
        "more": max(0, len(cells) - 5 * CELLS),
    }
