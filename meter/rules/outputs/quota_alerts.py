"""Alerts: a plan's quota of an item is 80 or 100 per cent drawn; raised once, cleared when quota comes back."""

from typing import TYPE_CHECKING

from meter.rules.billing_days import day_text
from schemas.alerts import THRESHOLDS, QuotaAlertStruct
from schemas.record import encode

if TYPE_CHECKING:
    from meter.rules.fold.fold import Fold
    from meter.rules.state.context import Cell
    from meter.rules.state.quota_cache import Stake

_BITS = tuple((1 << number, threshold) for number, threshold in enumerate(THRESHOLDS))


def alert(fold: "Fold", cell: "Cell", stake: "Stake") -> None:
    """Tell which thresholds of the cell's plans were passed, in either direction, by the record just folded."""
    for share in stake.shares:
        covered = cell.given.get(share.plan_id, 0)
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
                _say(fold, cell, share.plan_id, threshold, state, share.quota, covered)


def _say(fold: "Fold", cell: "Cell", plan_id: str, threshold: int, state: str, quota: int, covered: int) -> None:
    told = QuotaAlertStruct(
        account=cell.account,
        plan_id=plan_id,
        item=cell.item,
        day=day_text(cell.day),
        threshold=threshold,
        state=state,
        quota=quota,
        covered=covered,
        revision=fold.revision,
    )
    fold.say("quota-alerts", told.record_key(), encode(told))
