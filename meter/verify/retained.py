"""For a journal whose beginning is gone: the days that are still complete in it, and the published plans.

All usage of those days is in the journal. But an identity may have been claimed earlier for another day: the recount
cannot see that conflict and counts the event, so a difference of one such event proves nothing.
"""

from pydantic import ValidationError

from meter.rules.billing_days import SECOND_US, BillingZone
from meter.verify.differences import PLANS, Difference
from meter.verify.plans import Plan, published_plan
from meter.verify.published import Published
from schemas.plans import Plan as PlanRecord
from schemas.record import problem

#: Usage may arrive this long before its day begins by Kafka's clock (SPEC section 7).
AHEAD_US = 300 * SECOND_US


def first_whole_day(zone: BillingZone, first_ms: int) -> int:
    """The first day none of whose usage can be before a record appended at `first_ms`."""
    day = zone.day_of(first_ms * 1000)
    while zone.begin_of(day) - AHEAD_US < first_ms * 1000:
        day += 1
    return day


def plans_of(published: Published) -> dict[str, list[Plan]]:
    """Published plans by account; a record that cannot be parsed is a difference."""
    plans: dict[str, list[Plan]] = {}
    for key, each in published.latest.items():
        try:
            record = PlanRecord.model_validate_json(each.value)
        except ValidationError as wrong:
            found = Difference(PLANS, key, "record", problem(wrong), "a record of plans", each.revision)
            published.differences.append(found)
        else:
            plans.setdefault(each.account, []).append(published_plan(record))
    return plans
