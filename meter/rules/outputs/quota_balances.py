"""The topic `quota-balances`: an account's quota of an item on a day, at most once for a key in a transaction.

The content is a function of the state after the last record that changed the cell, and that record's offset is the
revision. So a key and revision always have one content, however the journal is cut into chunks.
"""

from hashlib import blake2b

from meter.rules.billing_days import day_text
from meter.rules.state.context import FoldContext
from meter.rules.state.quota_cache import QuotaShares
from meter.rules.state.rows import Cell
from schemas.balances import (
    BALANCE_WORKSPACES_LIMIT,
    PlanBalanceStruct,
    QuotaBalanceStruct,
    WorkspaceBalanceStruct,
)
from schemas.record import encode

#: Instead of a digest: this transaction publishes the first balance.
_APPEARS = b"appears"
#: The end of the content before its revision is known.
_NO_REVISION = b"0}"


def appear(cell: Cell, quotas: QuotaShares) -> None:
    """End of a record: from the first quota for usage on, the cell has a balance, also if the quota goes to 0 later.

    Each record decides it, not the transaction's end, so that the journal alone decides which balances there are.
    """
    if quotas.quota and cell.uses:
        cell.balance = _APPEARS


def publish_balance(context: FoldContext, cell: Cell, revision: int) -> None:
    """End of a transaction: publish the cell's balance, if it has one that differs from the one last published."""
    if not cell.balance:
        return
    quotas = context.quota_cache.of(context.rows.account(cell.account), cell.item, cell.day)
    record = _content(cell, quotas, 0)
    content = encode(record).removesuffix(_NO_REVISION)
    digest = blake2b(content, digest_size=16).digest()
    if digest == cell.balance:
        return
    cell.balance = digest
    context.rows.put_cell(cell)
    context.publish("quota-balances", record.record_key(), b"%b%d}" % (content, revision))


def _content(cell: Cell, quotas: QuotaShares, revision: int) -> QuotaBalanceStruct:
    plans = []
    for plan_id, quota, _ in quotas.shares:
        covered = cell.drawn.get(plan_id, 0)
        plans.append(PlanBalanceStruct(plan_id=plan_id, quota=quota, covered=covered, left=quota - covered))
    used = [workspace for workspace in quotas.plans if workspace in cell.uses]
    workspaces = [_of(cell, workspace) for workspace in used[:BALANCE_WORKSPACES_LIMIT]]
    covered = sum(plan.covered for plan in plans)
    return QuotaBalanceStruct(
        account=cell.account,
        item=cell.item,
        day=day_text(cell.day),
        quota=quotas.quota,
        covered=covered,
        left=quotas.quota - covered,
        plans=plans,
        workspaces=workspaces,
        more=max(0, len(used) - BALANCE_WORKSPACES_LIMIT) or None,
        revision=revision,
    )


def _of(cell: Cell, workspace: str) -> WorkspaceBalanceStruct:
    use = cell.uses[workspace]
    covered = use.usage - use.overage
    return WorkspaceBalanceStruct(workspace=workspace, usage=use.usage, covered=covered, overage=use.overage)
