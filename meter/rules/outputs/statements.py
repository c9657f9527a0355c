"""Statements: what an account's day came to, told when it closes and again when something changes it afterwards.

A statement is a function of the day's totals, the plans and the bindings. An item with a counted event is in it, also
at usage 0, so which statements there are depends on what happened, never on when it arrived. What was last told is
kept as digests, with what each workspace was charged: a restatement looks at the workspaces that a record changed and
at the sums, whatever else the account has.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping
from decimal import Decimal
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from meter.rules.billing_days import day_text
from meter.rules.charges import due, exact_sum
from meter.rules.conversion import quantity_by_retention
from meter.rules.fold.recalculate import allocation_of, basis_of, figure_of, reckon, steps
from meter.rules.plans import in_force, order_of, quota_on
from meter.rules.prices import EXACT
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
    from meter.rules.fold.fold import Fold
    from meter.rules.state.context import Cell
    from meter.rules.state.quota_cache import Stake, Terms
    from schemas.rows import Plan, Use

#: How a statement ends before it is known whether it is restated, and by what.
_UNTOLD = b'"restated":false,"revision":0}'
DIGEST_BYTES = 16


class Line(NamedTuple):
    """A cell of the day, by what it is settled, and what each plan gives each workspace of it."""

    cell: "Cell"
    terms: "Terms"
    drawn: Mapping[str, Mapping[str, int]]


class Sheet:
    """An account's day while it is stated: made by `sheet_of`, remembered by `keep`."""

    def __init__(self, fold: "Fold", account: str, day: int, lines: list[Line]) -> None:
        self.fold, self.account, self.day, self.lines = fold, account, day, lines
        self.plans = [plan for plan in fold.memory.account(account).plans.values() if in_force(plan, day)]
        told = fold.memory.told(account, day)
        #: Whether all that was told is known with its charges, so that whoever did not change need not be looked at.
        self.known = told is not None and bool(told.due)
        self.told = Told(b"") if told is None else told
        self.due = Decimal(self.told.due or 0)
        self.used = self.told.used
        self.changed: dict[str, bytes] = {}

    def names(self) -> set[str]:
        """All workspaces with a counted event."""
        return {name for line in self.lines for name in line.cell.uses}

    def keep(self, account: bytes) -> None:
        """Remember what was told; `account`: the digest of its own statement, b"" as long as there is none."""
        if self.changed or account != self.told.account or not self.known:
            told = Told(account, due=money_text(self.due), used=self.used)
            self.fold.memory.put_told(self.account, self.day, told, self.changed)


def sheet_of(fold: "Fold", account: str, day: int) -> Generator[None, None, Sheet]:
    """The account's day, its cells at hand."""
    lines = []
    for cell in fold.memory.cells_from(account, day, day):
        if cell.uses:
            terms = cell.terms or reckon(fold, cell)
            lines.append(Line(cell, terms, allocation_of(cell, terms.stake).drawn))
        yield
    return Sheet(fold, account, day, lines)


def state(fold: "Fold", account: str, day: int, names: Iterable[str], through: str = "") -> Iterator[None]:
    """Tell what the days of these workspaces came to, where that differs from what was last told; then the account's.

    Nothing is told of an account that had neither usage nor a plan in force. `through`: the account is being closed,
    and told are workspaces up to this one; the others and the account come with the rest of its close.
    """
    sheet = yield from sheet_of(fold, account, day)
    if not sheet.lines and not sheet.plans:
        return
    changed = set(names) if sheet.known else sheet.names()
    for part in steps(sorted(name for name in changed if name <= through) if through else sorted(changed)):
        for name in part:
            state_workspace(sheet, name)
        yield
    sheet.keep(sheet.told.account if through else state_account(sheet))


def state_workspace(sheet: Sheet, name: str) -> int:
    """Tell what a workspace's day came to, if that differs from what was last told; its items (0: it has none)."""
    fold, items = sheet.fold, []
    basis = ""
    for line in sheet.lines:
        use = line.cell.uses.get(name)
        if use is not None:
            basis = basis or basis_of(fold, line.terms.stake, name, sheet.day)
            items.append(_item(fold, line, name, use, basis))
    if items:
        account, day = sheet.account, day_text(sheet.day)
        one = WorkspaceStatementStruct(account=account, workspace=name, day=day, basis=basis, items=items)
        before = sheet.told.workspaces.get(name, b"")
        charged = exact_sum(Decimal(item.charge.amount) for item in items)
        used = any(item.usage > 0 for item in items)
        digest = _say(fold, sheet.day, one, before[:DIGEST_BYTES])
        after = b"%b%c%b" % (digest, used, money_text(charged).encode())
        if after != before:
            sheet.changed[name] = after
            was_used, was_charged = _used_and_charged(before)
            sheet.used += used - was_used
            sheet.due = EXACT.add(sheet.due, EXACT.subtract(charged, was_charged))
    return len(items)


def _used_and_charged(told: bytes) -> tuple[int, Decimal]:
    """What the sums hold of a workspace."""
    if len(told) <= DIGEST_BYTES:
        return 0, Decimal(0)
    return told[DIGEST_BYTES], Decimal(told[DIGEST_BYTES + 1 :].decode())


def _item(fold: "Fold", line: Line, name: str, use: "Use", basis: str) -> ItemDayStruct:
    """What a workspace used of an item."""
    cell, terms, drawn = line
    figure = figure_of(use, terms, name, basis)
    return ItemDayStruct(
        item=cell.item,
        reported=[
            ReportedStruct(retention_days=retention or None, quantity=quantity)
            for retention, quantity in quantity_by_retention(use, terms.item).items()
        ],
        usage=figure.usage,
        coverage=_coverage(drawn, terms.stake, name) if figure.covered else [],
        covered=figure.covered,
        overage=figure.overage,
        charge=figure.charge(fold.known().opening.currency),
    )


def _coverage(drawn: Mapping[str, Mapping[str, int]], stake: "Stake", workspace: str) -> list[DrawnStruct]:
    return [
        DrawnStruct(plan_id=plan_id, covered=covered)
        for plan_id in stake.plans.get(workspace, ())
        for covered in (drawn.get(plan_id, {}).get(workspace, 0),)
        if covered
    ]


def state_account(sheet: Sheet) -> bytes:
    """Tell the account's own statement, of what its workspaces' say, if that differs; its digest."""
    fold, day = sheet.fold, sheet.day
    by_item = {line.cell.item: line.cell for line in sheet.lines}
    plans = sorted(sheet.plans, key=lambda plan: order_of(plan, day))
    one = AccountStatementStruct(
        account=sheet.account,
        day=day_text(day),
        amount_due=money_text(due([sheet.due])),
        currency=fold.known().opening.currency,
        plans=[PlanDayStruct(plan_id=plan.plan_id, items=_plan_items(plan, day, by_item)) for plan in plans],
        workspaces=sheet.used,
    )
    return _say(fold, day, one, sheet.told.account)


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


def _say(fold: "Fold", day: int, one: AccountStatementStruct | WorkspaceStatementStruct, before: bytes) -> bytes:
    """Tell a statement, if its digest is not the one last told; its digest."""
    content = encode(one).removesuffix(_UNTOLD)
    digest = blake2b(content, digest_size=DIGEST_BYTES).digest()
    if digest != before:
        restated = fold.known().closed(one.account, day)
        ending = b'"restated":%b,"revision":%d}' % (b"true" if restated else b"false", fold.revision)
        fold.say("statements", one.record_key(), content + ending)
        fold.count("statement", "restated" if restated else "published")
    return digest
