"""The topic `statements`: the account's day, published when it closes and again when a later record changes it.

A statement depends only on the day's totals, the plans and the bindings. It has every item with a counted event, also
at usage 0, so arrival order does not decide which statements exist. The state stores a digest of each statement and
the workspace's charge, so a restatement reads only the workspaces that changed and the sums.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping
from decimal import Decimal
from hashlib import blake2b
from typing import NamedTuple

from meter.rules.billing_days import day_text
from meter.rules.charges import due, exact_sum
from meter.rules.conversion import quantity_by_retention
from meter.rules.plans import allocation_order, in_force, quota_on
from meter.rules.prices import EXACT
from meter.rules.state.context import FoldContext
from meter.rules.state.figures import allocation_of, basis_of, figure_of, price_cell, steps
from meter.rules.state.quota_cache import CellPricing, QuotaShares
from meter.rules.state.rows import Cell
from schemas.money import money_text
from schemas.record import encode
from schemas.rows import Plan, StatedDay, Use
from schemas.statements import (
    AccountStatementStruct,
    DrawnStruct,
    ItemDayStruct,
    PlanDayStruct,
    PlanItemStruct,
    ReportedStruct,
    WorkspaceStatementStruct,
)

#: How a statement ends before its revision is known; digests are of the text without it.
_NO_REVISION = b'"restated":false,"revision":0}'
DIGEST_BYTES = 16


class Line(NamedTuple):
    """A cell of the day, its pricing, and plan id -> workspace -> units drawn."""

    cell: Cell
    pricing: CellPricing
    drawn: Mapping[str, Mapping[str, int]]


class Sheet:
    """An account's day while its statements are made: read by `sheet_of`, stored by `keep`."""

    def __init__(self, context: FoldContext, account: str, day: int, lines: list[Line]) -> None:
        self.context, self.account, self.day, self.lines = context, account, day, lines
        self.plans = [plan for plan in context.rows.account(account).plans.values() if in_force(plan, day)]
        stated = context.rows.stated(account, day)
        #: Whether the charges of all stated workspaces are stored; then only changed workspaces need stating.
        self.known = stated is not None and bool(stated.due)
        self.stated = StatedDay(b"") if stated is None else stated
        self.due = Decimal(self.stated.due or 0)
        self.used = self.stated.used
        self.changed: dict[str, bytes] = {}

    def names(self) -> set[str]:
        """All workspaces with a counted event."""
        return {name for line in self.lines for name in line.cell.uses}

    def keep(self, account: bytes) -> None:
        """Store digests and sums; `account`: the digest of the account's own statement, b"" if it has none yet."""
        if self.changed or account != self.stated.account or not self.known:
            stated = StatedDay(account, due=money_text(self.due), used=self.used)
            self.context.rows.put_stated(self.account, self.day, stated, self.changed)


def sheet_of(context: FoldContext, account: str, day: int) -> Generator[None, None, Sheet]:
    """Read the account's day."""
    lines = []
    for cell in context.rows.cells_from(account, day, day):
        if cell.uses:
            pricing = cell.pricing or price_cell(context, cell)
            lines.append(Line(cell, pricing, allocation_of(cell, pricing.quotas).drawn))
        yield
    return Sheet(context, account, day, lines)


def state(context: FoldContext, account: str, day: int, names: Iterable[str], through: str = "") -> Iterator[None]:
    """Publish the statements of these workspaces that differ from the last ones, then the account's.

    An account with neither usage nor a plan in force has none. `through`: the account is still closing and stated up to
    this workspace; later slices of its close state the other workspaces and the account.
    """
    sheet = yield from sheet_of(context, account, day)
    if not sheet.lines and not sheet.plans:
        return
    changed = set(names) if sheet.known else sheet.names()
    for part in steps(sorted(name for name in changed if name <= through) if through else sorted(changed)):
        for name in part:
            state_workspace(sheet, name)
        yield
    sheet.keep(sheet.stated.account if through else state_account(sheet))


def state_workspace(sheet: Sheet, name: str) -> int:
    """Publish a workspace's statement, if it differs from the last one. Returns the number of its items."""
    context, items = sheet.context, []
    basis = ""
    for line in sheet.lines:
        use = line.cell.uses.get(name)
        if use is not None:
            basis = basis or basis_of(context, line.pricing.quotas, name, sheet.day)
            items.append(_item(context, line, name, use, basis))
    if items:
        account, day = sheet.account, day_text(sheet.day)
        one = WorkspaceStatementStruct(account=account, workspace=name, day=day, basis=basis, items=items)
        before = sheet.stated.workspaces.get(name, b"")
        charged = exact_sum(Decimal(item.charge.amount) for item in items)
        used = any(item.usage > 0 for item in items)
        digest = _publish(context, sheet.day, one, before[:DIGEST_BYTES])
        after = b"%b%c%b" % (digest, used, money_text(charged).encode())
        if after != before:
            sheet.changed[name] = after
            was_used, was_charged = _used_and_charged(before)
            sheet.used += used - was_used
            sheet.due = EXACT.add(sheet.due, EXACT.subtract(charged, was_charged))
    return len(items)


def _used_and_charged(stated: bytes) -> tuple[int, Decimal]:
    """What a workspace adds to the account's sums: 1 if it had usage, and its charge."""
    if len(stated) <= DIGEST_BYTES:
        return 0, Decimal(0)
    return stated[DIGEST_BYTES], Decimal(stated[DIGEST_BYTES + 1 :].decode())


def _item(context: FoldContext, line: Line, name: str, use: Use, basis: str) -> ItemDayStruct:
    """A workspace's statement of one item."""
    cell, pricing, drawn = line
    figure = figure_of(use, pricing, name, basis)
    return ItemDayStruct(
        item=cell.item,
        reported=[
            ReportedStruct(retention_days=retention or None, quantity=quantity)
            for retention, quantity in quantity_by_retention(use, pricing.of_item.item).items()
        ],
        usage=figure.usage,
        coverage=_coverage(drawn, pricing.quotas, name) if figure.covered else [],
        covered=figure.covered,
        overage=figure.overage,
        charge=figure.charge(context.known().opening.currency),
    )


def _coverage(drawn: Mapping[str, Mapping[str, int]], quotas: QuotaShares, workspace: str) -> list[DrawnStruct]:
    return [
        DrawnStruct(plan_id=plan_id, covered=covered)
        for plan_id in quotas.plans.get(workspace, ())
        for covered in (drawn.get(plan_id, {}).get(workspace, 0),)
        if covered
    ]


def state_account(sheet: Sheet) -> bytes:
    """Publish the account's own statement, if it differs from the last one. Returns its digest."""
    context, day = sheet.context, sheet.day
    by_item = {line.cell.item: line.cell for line in sheet.lines}
    plans = sorted(sheet.plans, key=lambda plan: allocation_order(plan, day))
    one = AccountStatementStruct(
        account=sheet.account,
        day=day_text(day),
        amount_due=money_text(due([sheet.due])),
        currency=context.known().opening.currency,
        plans=[PlanDayStruct(plan_id=plan.plan_id, items=_plan_items(plan, day, by_item)) for plan in plans],
        workspaces=sheet.used,
    )
    return _publish(context, day, one, sheet.stated.account)


def _plan_items(plan: Plan, day: int, by_item: dict[str, Cell]) -> list[PlanItemStruct]:
    """Quota, covered and unused units of every item that the plan has a quota for."""
    names = {item for package in plan.packages for item in package.quotas} | {line.item for line in plan.traffic}
    found = []
    for item in sorted(names):
        quota = quota_on(plan, item, day)
        if quota > 0:
            cell = by_item.get(item)
            covered = 0 if cell is None else cell.drawn.get(plan.plan_id, 0)
            found.append(PlanItemStruct(item=item, quota=quota, covered=covered, unused=quota - covered))
    return found


def _publish(
    context: FoldContext, day: int, one: AccountStatementStruct | WorkspaceStatementStruct, before: bytes
) -> bytes:
    """Publish a statement, if its digest differs from the last one. Returns the digest."""
    content = encode(one).removesuffix(_NO_REVISION)
    digest = blake2b(content, digest_size=DIGEST_BYTES).digest()
    if digest != before:
        restated = context.known().closed(one.account, day)
        ending = b'"restated":%b,"revision":%d}' % (b"true" if restated else b"false", context.revision)
        context.publish("statements", one.record_key(), content + ending)
        context.metric("statement", "restated" if restated else "published")
    return digest
