"""Outcomes and quotes of orders, as lines for a person or as one line of JSON."""

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from schemas.plurals import counted

if TYPE_CHECKING:
    from agents.quote import Quote
    from meter.rules.orders import Decision
    from schemas.orders import Order
    from schemas.outcomes import OrderOutcome

#: Width of the names before the values.
NAMES = 13
Payments = Iterable[tuple[str, str | None, Decimal]]


def outcome_lines(order: "Order", outcome: "OrderOutcome") -> list[str]:
    """An outcome: accepted, with price and plan, or refused, with the law and the numbers."""
    from schemas.money import money_text

    what = f"{outcome.kind} {outcome.order_id} of {outcome.account}"
    if outcome.outcome == "refused":
        lines = [f"refused: {what}: {outcome.reason}", f"  {outcome.error}"]
    else:
        lines = [f"accepted: {what}", *credited(order)]
    if outcome.price is not None:
        lines.append(line("price", f"{money_text(outcome.price)} {outcome.currency}"))
    paid = [(each.method, each.instrument, each.amount) for each in outcome.payments or ()]
    if paid:
        lines.append(line("paid", payments_text(paid)))
    if outcome.first_day is not None:
        lines.append(line("plan", f"{outcome.plan_id}, {outcome.first_day} to {outcome.last_day}"))
    if order.kind == "change_workspaces" and outcome.outcome == "accepted":
        lines.append(line("workspaces", ", ".join(order.workspaces)))
    return lines


def quote_lines(order: "Order", quote: "Quote") -> list[str]:
    """A quote: the outcome that the order would have today."""
    from meter.rules.billing_days import day_text
    from schemas.money import money_text

    decision = quote.decision
    when = f"on {day_text(quote.day)}: {decision.kind} for {decision.account}"
    if decision.accepted:
        lines = [f"would be accepted {when}", *credited(order)]
    else:
        lines = [f"would be refused {when}: {decision.refusal}", f"  {decision.error}"]
    if decision.price is not None:
        lines.append(line("price", f"{money_text(decision.price)} {decision.currency}"))
    if quote.assumed:
        lines.append(line("paid", cash_sentence(quote)))
    elif decision.payments:
        lines.append(line("paid", payments_text(decision.payments)))
    return lines + (plan_lines(quote) if decision.plan is not None else [])


def credited(order: "Order") -> list[str]:
    """What a top-up credits; nothing for the rest."""
    from schemas.orders import TopUp

    if not isinstance(order, TopUp):
        return []
    until = "" if order.expires_on is None else f", usable through {order.expires_on.isoformat()}"
    return [line("credited", payments_text([(order.method, order.instrument, order.amount)]) + until)]


def cash_sentence(quote: "Quote") -> str:
    """Whether the account's cash would pay the price that is assumed to be paid."""
    from schemas.money import money_text

    price = quote.decision.price or Decimal(0)
    if quote.cash < price:
        rest = f"{money_text(price - quote.cash)} less than the price"
    else:
        rest = f"{money_text(quote.cash - price)} would be left"
    return f"in full, as no payment was named; cash holds {money_text(quote.cash)}, {rest}"


def plan_lines(quote: "Quote") -> list[str]:
    """The plan after the order: its days, its list, and its quotas."""
    from agents.quote import quotas
    from meter.rules.billing_days import day_text
    from meter.rules.plans import listed_on

    decision, plan = quote.decision, quote.decision.plan
    assert plan is not None and decision.effective_day is not None, "an accepted order makes or changes a plan"
    since = decision.effective_day
    days = f"{day_text(plan.first_day)} to {day_text(plan.last_day)}"
    left = f"counts from {day_text(since)}, {counted(plan.last_day - since + 1, 'day')} left"
    named = "" if quote.before is None else f"{plan.plan_id}, "
    lines = [line("plan", f"{named}{days}; {left}"), line("workspaces", ", ".join(listed_on(plan, since)))]
    return lines + [
        line("quota a day", f"{item} {before:,} → {after:,}" if quote.before else f"{item} {after:,}")
        for item, (before, after) in quotas(quote).items()
        if before != after
    ]


def quote_json(quote: "Quote") -> str:
    """A quote as one line of JSON; what does not apply is left out."""
    import json

    from agents.quote import quotas
    from meter.rules.billing_days import day_text
    from schemas.money import money_text

    decision: Decision = quote.decision
    days = {"first_day": decision.first_day, "last_day": decision.last_day, "counts_from": decision.effective_day}
    sentence: dict[str, object] = {
        "account": decision.account,
        "kind": decision.kind,
        "day": day_text(quote.day),
        "outcome": "accepted" if decision.accepted else "refused",
        "reason": decision.refusal,
        "error": decision.error,
        "price": None if decision.price is None else money_text(decision.price),
        "currency": None if decision.price is None else decision.currency,
        "payments": payments_json(decision.payments) if not quote.assumed else None,
        "payments_assumed": True if quote.assumed else None,
        "cash": money_text(quote.cash),
        "plan_id": decision.plan_id if quote.before else None,
        **{name: None if day is None else day_text(day) for name, day in days.items()},
        "quotas": {item: after for item, (_, after) in quotas(quote).items()} or None,
    }
    return json.dumps({name: value for name, value in sentence.items() if value is not None})


def payments_json(payments: Payments) -> list[dict[str, str]] | None:
    """Payments as an order has them; None for none."""
    from schemas.money import money_text

    return [
        {"method": method, **({} if instrument is None else {"instrument": instrument}), "amount": money_text(amount)}
        for method, instrument, amount in payments
    ] or None


def payments_text(payments: Payments) -> str:
    """Payments as words."""
    from schemas.money import money_text

    return ", ".join(
        f"{method} {money_text(amount)}" if instrument is None else f"{method} {instrument} {money_text(amount)}"
        for method, instrument, amount in payments
    )


def line(name: str, value: str) -> str:
    """A name and its value, values below each other."""
    return f"  {name:<{NAMES}}{value}"
