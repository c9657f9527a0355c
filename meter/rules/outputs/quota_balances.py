"""The topic `quota-balances`: an account's quota of an item on a day, at most once for a key in a transaction.

A balance shows the state after the last record that changed the cell, and has that record's offset as revision. So a
key and revision always have the same content, however the journal is cut into chunks.
"""

from hashlib import blake2b

from meter.rules.state.context import FoldContext
from meter.rules.state.figures import price_cell
from meter.rules.state.quota_cache import CellPricing, QuotaShares
from meter.rules.state.rows import Cell
from schemas.balances import BALANCE_WORKSPACES_LIMIT, balance_key, balance_text, plan_text, workspaces_text

#: In place of a digest: the first balance is due at the end of this transaction.
_APPEARS = b"appears"


def appear(cell: Cell, quotas: QuotaShares) -> None:
    """At the end of a record: give the cell a balance once it has usage and quota; it keeps it if the quota goes.

    This is decided for each record, not at the end of a transaction, so the journal alone decides which balances exist.
    """
    if quotas.quota and cell.uses:
        cell.balance = _APPEARS


def publish_balance(context: FoldContext, cell: Cell, revision: int) -> None:
    """At the end of a transaction: publish the cell's balance if it has one and it differs from the last published."""
    if not cell.balance:
        return
    pricing = cell.pricing or price_cell(context, cell)
    day = pricing.of_item.day
    content = _content(cell, pricing, day).encode()
    digest = blake2b(content, digest_size=16).digest()
    if digest != cell.balance:
        cell.balance = digest
        context.rows.put_cell(cell)
        context.publish("quota-balances", balance_key(cell.account, cell.item, day), b"%b%d}" % (content, revision))


def _content(cell: Cell, pricing: CellPricing, day: str) -> str:
    """The balance as JSON, without its end: the revision."""
    quotas, uses, drawn = pricing.quotas, cell.uses, cell.drawn
    only = pricing.only
    if only is not None:
        names, covered = pricing.names, drawn.get(only.plan_id, 0)
        if len(names) != len(uses):
            names = [name for name in names if name in uses]
        plans = plan_text(only.plan_id, only.quota, covered)
    else:
        names = [name for name in quotas.plans if name in uses]
        covered = sum([drawn.get(share.plan_id, 0) for share in quotas.shares])
        plans = ",".join([plan_text(plan_id, quota, drawn.get(plan_id, 0)) for plan_id, quota, _ in quotas.shares])
    more = max(0, len(names) - BALANCE_WORKSPACES_LIMIT)
    shown = names[:BALANCE_WORKSPACES_LIMIT] if more else names
    return balance_text(cell.account, cell.item, day, quotas.quota, covered, plans, workspaces_text(shown, uses), more)
