"""The topic `overages`: a new revision of a key. Text that a cell's records of one revision share is encoded once."""

from meter.rules.state import rows
from meter.rules.state.cause import CellChange
from meter.rules.state.context import FoldContext
from meter.rules.state.quota_cache import ItemPricing
from schemas.overages import ending_text
from schemas.rows import Use

_PUBLISHED, _RESTATED = ("overage", "published"), ("overage", "restated")


def publish_overage(
    context: FoldContext,
    change: CellChange,
    of_item: ItemPricing,
    name: str,
    use: Use,
    delta: int,
    footing: str,
    charge: str,
) -> None:
    """Publish the figures of a workspace; `delta`: its overage less the one published before."""
    cell, revision = change.cell, context.revision
    if not change.ending:
        change.restated = context.known().closed(cell.account, cell.day)
        change.ending = ending_text(change.cause(), change.restated)
    key, value = of_item.overages.of(
        cell.account, name, revision, use.revision, use.usage, use.overage, delta, footing, charge, change.ending
    )
    context.publish("overages", key, value)
    outcome, counts = _RESTATED if change.restated else _PUBLISHED, context.counts
    counts[outcome] = counts.get(outcome, 0) + 1
    use.revision = revision
    if len(cell.uses) > rows.ROW_WORKSPACES:
        cell.note((name,))
