"""For a journal whose beginning is gone: the days that it still holds whole, and plans as published.

All usage of those days is in the journal. An identity may have been claimed before, for another day: that is a conflict
that the recount cannot see, so it counts the event; a difference by one such event is no proof.
"""

from pydantic import ValidationError

from meter.rules.billing_days import SECOND_US, BillingZone
from meter.verify.differences import PLANS, Difference
from meter.verify.plans import Plan, published_plan
from meter.verify.published import Published
from schemas.plans import Plan as PlanRecord
from schemas.record import problem

#: Usage may come so long before its day begins, by Kafka's clock (SPEC section 7).
AHEAD_US = 300 * SECOND_US


def first_whole_day(zone: BillingZone, first_ms: int) -> int:
    """The first day whose usage cannot stand before a record that was appended at `first_ms`."""
    day = zone.day_of(first_ms * 1000)
    while zone.begin_of(day) - AHEAD_US < first_ms * 1000:
        day += 1
    return day


def plans_of(published: Published) -> dict[str, list[Plan]]:
    """Plans by account as they stand; a record that is none is a difference."""
    plans: dict[str, list[Plan]] = {}
    for key, standing in published.latest.items():
        try:
            record = PlanRecord.model_validate_json(standing.value)
        except ValidationError as wrong:
            told = Difference(PLANS, key, "record", problem(wrong), "a record of plans", standing.revision)
            published.differences.append(told)
        else:
            plans.setdefault(standing.account, []).append(published_plan(record))
    return plans
