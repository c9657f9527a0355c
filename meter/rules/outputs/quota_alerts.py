"""The topic `quota-alerts`: raised when 80 or 100 % of a plan's quota of an item is drawn, cleared when no longer."""

from meter.rules.state.context import FoldContext
from meter.rules.state.quota_cache import CellPricing
from meter.rules.state.rows import Cell
from schemas.alerts import THRESHOLDS, alert_key, alert_text

_LEAST = min(THRESHOLDS)
_BITS = tuple((1 << number, threshold) for number, threshold in enumerate(THRESHOLDS))


def publish_alerts(context: FoldContext, cell: Cell, pricing: CellPricing) -> None:
    """Publish the thresholds of the cell's plans that the record crossed, up or down."""
    drawn, alerts = cell.drawn, cell.alerts
    for plan_id, quota, _ in pricing.quotas.shares:
        covered, now = drawn.get(plan_id, 0), 0
        if quota > 0 and covered * 100 >= _LEAST * quota:
            for bit, threshold in _BITS:
                if covered * 100 >= threshold * quota:
                    now |= bit
        raised = alerts.get(plan_id, 0)
        if now != raised:
            alerts[plan_id] = now
            _publish(context, cell, pricing.of_item.day, plan_id, quota, covered, raised, now)


def _publish(
    context: FoldContext, cell: Cell, day: str, plan_id: str, quota: int, covered: int, raised: int, now: int
) -> None:
    """Publish each threshold whose bit differs between `raised` and `now`."""
    account, item = cell.account, cell.item
    for bit, threshold in _BITS:
        if (now ^ raised) & bit:
            state = "raised" if now & bit else "cleared"
            key = alert_key(account, plan_id, item, day, threshold)
            text = alert_text(account, plan_id, item, day, threshold, state, quota, covered, context.revision)
            context.publish("quota-alerts", key, text)
