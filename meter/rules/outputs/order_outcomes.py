"""The topic `order-outcomes`: the decision on each order."""

from meter.rules.billing_days import optional_day_text
from meter.rules.orders import Decision
from meter.rules.state.context import FoldContext
from schemas.outcomes import OrderOutcome, Paid


def publish_outcome(context: FoldContext, decision: Decision) -> None:
    """Publish the outcome of an order."""
    priced = decision.price is not None
    record = OrderOutcome.model_construct(
        order_id=decision.order_id,
        account=decision.account,
        kind=decision.kind,
        outcome="accepted" if decision.accepted else "refused",
        reason=decision.refusal,
        error=decision.error,
        price=decision.price,
        currency=decision.currency if priced else None,
        payments=[
            Paid.model_construct(method=method, instrument=instrument, amount=amount)
            for method, instrument, amount in decision.payments
        ]
        or None,
        plan_id=decision.plan_id,
        first_day=optional_day_text(decision.first_day),
        last_day=optional_day_text(decision.last_day),
        revision=context.revision,
    )
    context.publish("order-outcomes", record.record_key(), record.json_bytes())
