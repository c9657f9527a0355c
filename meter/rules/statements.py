"""Statements: what an account's day came to, told when it closes and again when something changes it afterwards.

A statement is a function of the day's totals, the plans and the bindings. An item with a counted event is in it, also
at usage 0, so which statements there are depends on what happened, never on when it arrived. What was last told is
kept as digests: a restatement tells the account's day and those of its workspaces that differ from it. Where a day is
restated again, only the workspaces are looked at that the record changed; what the others owe is at hand.
"""

from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from decimal import Decimal
from hashlib import blake2b
from typing import TYPE_CHECKING

from meter.rules.charges import due
from meter.rules.days import day_text
from meter.rules.figures import allocation_of, basis_of, figure_of, reckon, steps
from meter.rules.plans import in_force, order_of, quota_on
from meter.rules.prices import EXACT
from meter.rules.usage import quantity_by_retention
from schemas.money import money_text
from schemas.record import encode
from schemas.rows import Told
from schemas.statements import (
    AccountStatementStruct,
    DrawnStruct,
    ItemDayStruct,
    PlanDayStruct,
    PlanItemStruct,
    ReportedStruct,
    WorkspaceStatementStruct,
)

if TYPE_CHECKING:
    from meter.rules.fold import Fold
    from meter.rules.memory import Cell
    from meter.rules.stakes import Stake
    from schemas.rows import Plan

#: How a statement ends before it is known whether it is restated, and by what.
_UNTOLD = b'"restated":false,"revision":0}'


#: Days of accounts whose amounts are kept at hand, and workspaces in all of them.
DAYS_KEPT, AMOUNTS_KEPT = 1_000, 200_000
NOTHING = (Decimal(0), False)


class DayAmounts:
    """What each workspace of an account's day owes, exact, and whether it has usage; kept beside the rows, for cost."""

    def __init__(self) -> None:
        self.total = Decimal(0)
        self.with_usage = 0
        self.of: dict[str, tuple[Decimal, bool]] = {}

    def put(self, workspace: str, items: Iterable[ItemDayStruct]) -> None:
        """What it owes now."""
        amount, used = Decimal(0), False
        for item in items:
            amount, used = EXACT.add(amount, Decimal(item.charge.amount)), used or item.usage > 0
        before, used_before = self.of.get(workspace, NOTHING)
        self.of[workspace] = amount, used
        self.total = EXACT.add(self.total, EXACT.subtract(amount, before))
        self.with_usage += used - used_before


def amounts_of(fold: "Fold", account: str, day: int) -> DayAmounts:
    """New amounts of an account's day, at hand from now on where it is closed: it is about to be restated."""
    amounts = DayAmounts()
    if fold.known().closed(account, day):
        kept = fold.amounts
        if len(kept) >= DAYS_KEPT or sum(len(others.of) for others in kept.values()) > AMOUNTS_KEPT:
            kept.clear()
        kept[account, day] = amounts
    return amounts


def state(fold: "Fold", account: str, day: int, changed: Collection[str] | None = None) -> Generator[None, None, int]:
    """Tell what the account's day came to, where that differs from what was last told; the rows it took.

    Nothing is told of an account that had neither usage nor a plan in force. `changed`: whose statements may differ;
    None: anybody's.
    """
    cells = []
    for cell in fold.memory.cells_from(account, day, day):  # each is read when it is asked for
        if cell.uses:
            cells.append(cell)
        yield
    row = fold.memory.account(account)
    plans = sorted((plan for plan in row.plans.values() if in_force(plan, day)), key=lambda plan: order_of(plan, day))
    if not cells and not plans:
        return 0
    before = fold.memory.told(account, day)
    amounts = fold.amounts.get((account, day))
    if amounts is None or changed is None or before is None:
        amounts, changed = amounts_of(fold, account, day), None
    days: dict[str, list[ItemDayStruct]] = {}
    bases: dict[str, str] = {}
    for cell in cells:
        yield from _items(fold, cell, cell.uses if changed is None else changed, days, bases)
    digests = {} if before is None else before.workspaces
    told: dict[str, bytes] = {}
    for part in steps(sorted(days)):
        for workspace in part:
            one = WorkspaceStatementStruct(
                account=account, workspace=workspace, day=day_text(day), basis=bases[workspace], items=days[workspace]
            )
            told[workspace] = _say(fold, day, one, digests.get(workspace))
            amounts.put(workspace, days[workspace])
        yield
    whole = _whole(fold, account, day, cells, plans, amounts)
    if changed is not None:
        told = digests | told if told.keys() <= digests.keys() else dict(sorted((digests | told).items()))
    after = Told(_say(fold, day, whole, None if before is None else before.account), told)
    if after != before:
        fold.memory.put_told(account, day, after)
    return sum(len(items) for items in days.values()) + 1


def _items(
    fold: "Fold",
    cell: "Cell",
    names: Iterable[str],
    days: dict[str, list[ItemDayStruct]],
    bases: dict[str, str],
) -> Iterator[None]:
    """What each of these workspaces used of the cell's item, added to its day."""
    terms = cell.terms or reckon(fold, cell)
    stake, item = terms.stake, terms.item
    drawn = allocation_of(cell, stake).drawn
    currency = fold.known().opening.currency
    for part in steps(names):
        for workspace in part:
            use = cell.uses.get(workspace)
            if use is None:
                continue
            basis = bases.get(workspace)
            if basis is None:
                basis = bases[workspace] = basis_of(fold, stake, workspace, cell.day)
            figure = figure_of(use, terms, workspace, basis)
            days.setdefault(workspace, []).append(
                ItemDayStruct(
                    item=cell.item,
                    reported=[
                        ReportedStruct(retention_days=retention or None, quantity=quantity)
                        for retention, quantity in quantity_by_retention(use, item).items()
                    ],
                    usage=figure.usage,
                    coverage=_coverage(drawn, stake, workspace) if figure.covered else [],
                    covered=figure.covered,
                    overage=figure.overage,
                    charge=figure.charge(currency),
                )
            )
        yield


def _coverage(drawn: Mapping[str, Mapping[str, int]], stake: "Stake", workspace: str) -> list[DrawnStruct]:
    return [
        DrawnStruct(plan_id=plan_id, covered=covered)
        for plan_id in stake.plans.get(workspace, ())
        for covered in (drawn.get(plan_id, {}).get(workspace, 0),)
        if covered
    ]


def _whole(
    fold: "Fold",
    account: str,
    day: int,
    cells: list["Cell"],
    plans: list["Plan"],
    amounts: DayAmounts,
) -> AccountStatementStruct:
    """The account's own statement, of what its workspaces' say."""
    by_item = {cell.item: cell for cell in cells}
    return AccountStatementStruct(
        account=account,
        day=day_text(day),
        amount_due=money_text(due([amounts.total])),
        currency=fold.known().opening.currency,
        plans=[PlanDayStruct(plan_id=plan.plan_id, items=_plan_items(plan, day, by_item)) for plan in plans],
        workspaces=amounts.with_usage,
    )


def _plan_items(plan: "Plan", day: int, by_item: dict[str, "Cell"]) -> list[PlanItemStruct]:
    """What a plan had and gave of every item it has a quota for."""
    names = {item for package in plan.packages for item in package.quotas} | {line.item for line in plan.traffic}
    found = []
    for item in sorted(names):
        quota = quota_on(plan, item, day)
        if quota > 0:
            cell = by_item.get(item)
            covered = 0 if cell is None else cell.given.get(plan.plan_id, 0)
            found.append(PlanItemStruct(item=item, quota=quota, covered=covered, unused=quota - covered))
    return found


def _say(fold: "Fold", day: int, one: AccountStatementStruct | WorkspaceStatementStruct, before: bytes | None) -> bytes:
    """Tell a statement, if its digest is not the one last told; its digest."""
    content = encode(one).removesuffix(_UNTOLD)
    digest = blake2b(content, digest_size=16).digest()
    if digest != before:
        restated = fold.known().closed(one.account, day)
        ending = b'"restated":%b,"revision":%d}' % (b"true" if restated else b"false", fold.revision)
        fold.say("statements", one.record_key(), content + ending)
        fold.count("statement", "restated" if restated else "published")
    return digest
