"""A day older than those kept, from its statements: the account's in the file, the workspaces' in Kafka."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from meter.dashboard.models import DayPage, Record
from meter.dashboard.sight import Sight, decoded
from meter.dashboard.views.cells import CellRow
from meter.dashboard.views.day import assembled, item_of, strip_of
from meter.dashboard.views.plans import in_force


class Versions(NamedTuple):
    """The place of a day's statements: the partition, and each version's time of publication."""

    partition: int
    published_ms: list[int]


def versions_of(sight: Sight, account: str, day: str) -> Versions | None:
    """The place to read an old day; None for a day that is kept or has no statement."""
    if day >= sight.calendar.oldest_kept(sight.today):
        return None
    rows = sight.rows("SELECT at_ms FROM statements WHERE day = ? AND account = ?", day, account)
    row = sight.row("SELECT partition FROM accounts WHERE account = ?", account)
    return Versions(row[0], [at_ms for (at_ms,) in rows]) if rows and row is not None else None


def page(sight: Sight, account: str, day: str, stated: Sequence[Record]) -> DayPage:
    """The day; `stated`: the statements of its workspaces."""
    body = sight.row(
        "SELECT body FROM statements WHERE day = ? AND account = ? AND body IS NOT NULL ORDER BY revision DESC LIMIT 1",
        day,
        account,
    )
    statement: Record = decoded(body[0])
    cells = list(_cells(stated))
    balances = _balances(statement)
    order = _listed(sight, account, day)
    names = sorted({*balances, *(cell.item for cell in cells)})
    items = {}
    for name in names:
        of_item = {cell.workspace: cell for cell in cells if cell.item == name}
        ordered = [each for each in order if each in of_item]
        quota, covered, plans = balances.get(name, (0, 0, []))
        items[name] = item_of(sight, day, name, of_item, (quota, covered, quota - covered, plans, ordered, 0))
    return assembled(sight, account, day, statement, cells, items, strip_of(sight, account))


def _cells(stated: Iterable[Record]) -> Iterable[CellRow]:
    for record in stated:
        for item in record["items"]:
            yield CellRow(
                workspace=record["workspace"],
                item=item["item"],
                revision=record["revision"],
                usage=int(item["usage"]),
                covered=int(item["covered"]),
                overage=int(item["overage"]),
                charge=item["charge"]["amount"],
                basis=record["basis"],
            )


def _balances(statement: Record) -> dict[str, tuple[int, int, list[Any]]]:
    """Item -> quota, covered, and the quota per plan."""
    found: dict[str, tuple[int, int, list[Any]]] = {}
    for plan in statement["plans"]:
        for item in plan["items"]:
            quota, covered, plans = found.get(item["item"], (0, 0, []))
            one = {
                "plan_id": plan["plan_id"],
                "quota": item["quota"],
                "covered": item["covered"],
                "left": item["unused"],
            }
            found[item["item"]] = (quota + item["quota"], covered + item["covered"], [*plans, one])
    return found


def _listed(sight: Sight, account: str, day: str) -> list[str]:
    """Workspaces in priority order, if the plans of that day are still known."""
    names: dict[str, None] = {}
    for (body,) in sight.rows("SELECT body FROM records WHERE kind = 'plans' AND account = ? ORDER BY name", account):
        plan = decoded(body)
        if plan["first_day"] <= day <= plan["last_day"]:
            names |= dict.fromkeys(in_force(plan["lists"], day)["workspaces"])
    return list(names)
