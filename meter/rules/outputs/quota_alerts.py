"""The topic `quota-alerts`: raised when 80 or 100 % of a plan's quota of an item is drawn, cleared when no longer."""

from meter.rules.billing_days import day_text
from meter.rules.state.context import FoldContext
from meter.rules.state.quota_cache import QuotaShares
from meter.rules.state.rows import Cell
from schemas.alerts import THRESHOLDS, QuotaAlert

_BITS = tuple((1 << number, threshold) for number, threshold in enumerate(THRESHOLDS))


def publish_alerts(context: FoldContext, cell: Cell, quotas: QuotaShares) -> None:
    """Publish the thresholds of the cell's plans that the record crossed, up or down."""
    for share in quotas.shares:
        covered = cell.drawn.get(share.plan_id, 0)
        raised = cell.alerts.get(share.plan_id, 0)
        now = 0
        if share.quota > 0:
            for bit, threshold in _BITS:
                if covered * 100 >= threshold * share.quota:
                    now |= bit
        if now == raised:
            continue
        cell.alerts[share.plan_id] = now
        for bit, threshold in _BITS:
            if (now ^ raised) & bit:
                state = "raised" if now & bit else "cleared"
                _publish(context, cell, share.plan_id, threshold, state, share.quota, covered)


def _publish(
    context: FoldContext, cell: Cell, plan_id: str, threshold: int, state: str, quota: int, covered: int
) -> None:
    record = QuotaAlert.model_construct(
        account=cell.account,
        plan_id=plan_id,
        item=cell.item,
        day=day_text(cell.day),
        threshold=threshold,
        state=state,
        quota=quota,
        covered=covered,
        revision=context.revision,
    )
    context.publish("quota-alerts", record.record_key(), record.json_bytes())
