"""Balances of an account's quota of an item on a day: at most one for a key in a transaction, with the state after it.

The content is a function of the state after the last record that changed the cell, which is its revision: so a
key and revision always have one content, however the journal is cut into chunks.
"""

from hashlib import blake2b
from typing import TYPE_CHECKING

from meter.rules.billing_days import day_text
from schemas.balances import (
    BALANCE_WORKSPACES_LIMIT,
    PlanBalanceStruct,
    QuotaBalanceStruct,
    WorkspaceBalanceStruct,
)
from schemas.record import encode

if TYPE_CHECKING:
    from meter.rules.fold.fold import Fold
    from meter.rules.state.context import Cell
    from meter.rules.state.quota_cache import Stake

#: In place of a digest: the balance appears with this transaction.
_APPEARS = b"appears"
#: How the content ends before its revision is known.
_NO_REVISION = b"0}"


def appear(cell: "Cell", stake: "Stake") -> None:
    """End of a record: the balance appears if there is quota for usage; it stays, also where the quota goes again.

    Decided at each record and not at the transaction's end, so that the journal alone says which balances there are.
    """
    if stake.quota and cell.uses:
        cell.balance = _APPEARS


def balance(fold: "Fold", cell: "Cell", revision: int) -> None:
    """End of a transaction: publish a balance that has appeared, if it differs from the one last published."""
    if not cell.balance:
        return
    stake = fold.stakes.of(fold.memory.account(cell.account), cell.item, cell.day)
    told = _content(cell, stake, 0)
    content = encode(told).removesuffix(_NO_REVISION)
    digest = blake2b(content, digest_size=16).digest()
    if digest == cell.balance:
        return
    cell.balance = digest
    fold.memory.touch_cell(cell)
    fold.say("quota-balances", told.record_key(), b"%b%d}" % (content, revision))


def _content(cell: "Cell", stake: "Stake", revision: int) -> QuotaBalanceStruct:
    plans = []
    for plan_id, quota, _ in stake.shares:
        covered = cell.given.get(plan_id, 0)
        plans.append(PlanBalanceStruct(plan_id=plan_id, quota=quota, covered=covered, left=quota - covered))
    used = [workspace for workspace in stake.plans if workspace in cell.uses]
    workspaces = [_of(cell, workspace) for workspace in used[:BALANCE_WORKSPACES_LIMIT]]
    covered = sum(plan.covered for plan in plans)
    return QuotaBalanceStruct(
        account=cell.account,
        item=cell.item,
        day=day_text(cell.day),
        quota=stake.quota,
        covered=covered,
        left=stake.quota - covered,
        plans=plans,
        workspaces=workspaces,
        more=max(0, len(used) - BALANCE_WORKSPACES_LIMIT) or None,
        revision=revision,
    )


def _of(cell: "Cell", workspace: str) -> WorkspaceBalanceStruct:
    use = cell.uses[workspace]
    covered = use.usage - use.overage
    return WorkspaceBalanceStruct(workspace=workspace, usage=use.usage, covered=covered, overage=use.overage)
