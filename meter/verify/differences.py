"""A difference: a field of a published record and the recount's value, to the unit."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction

from pydantic import ValidationError

from meter.rules.billing_days import day_text
from meter.verify.figures import FREE, Figure
from meter.verify.orders import ABOUT_PAYING, Outcome, Wallet, cents_of
from schemas.money import money_text, price_text
from schemas.orders import TopUp
from schemas.outcomes import OrderOutcome
from schemas.overages import Charge, Overage
from schemas.record import problem
from schemas.wallets import Wallet as WalletRecord

OVERAGES, OUTCOMES, WALLETS, PLANS = "overages", "order-outcomes", "wallets", "plans"
#: Enough digits to show any amount exactly.
SHOWN = Context(prec=500)
#: In place of the value of a record that is missing on one side.
NOTHING = "nothing"


@dataclass(frozen=True)
class Difference:
    """One field of one key; `revision`: the published record's, 0 if none is published."""

    topic: str
    key: str
    field: str
    published: object
    recounted: object
    revision: int = 0

    def sentence(self) -> str:
        """The difference as a line, to the unit."""
        by = ""
        if isinstance(self.published, int) and isinstance(self.recounted, int):
            by = f" ({self.published - self.recounted:+,})"
        at = f", revision {self.revision}" if self.revision else ""
        published, recounted = _shown(self.published), _shown(self.recounted)
        return f"{self.topic} {self.key}: {self.field} {published}, recounted {recounted}{by}{at}"


def figure_differences(key: str, value: bytes | None, figure: Figure | None, currency: str) -> Iterator[Difference]:
    """A key of `overages` (`value` None: not published) and its figure (None: no counted usage)."""
    if value is None:
        if figure is not None and figure.basis != FREE and (figure.overage > 0 or figure.charge > 0):
            yield Difference(OVERAGES, key, "overage", NOTHING, figure.overage)
        return
    try:
        record = Overage.model_validate_json(value)
    except ValidationError as wrong:
        yield Difference(OVERAGES, key, "record", problem(wrong), "a record of overages")
        return
    if figure is None:
        yield Difference(OVERAGES, key, "usage", record.usage, NOTHING, record.revision)
        return
    pairs: list[tuple[str, object, object]] = [
        ("usage", record.usage, figure.usage),
        ("covered", record.covered, figure.covered),
        ("overage", record.overage, figure.overage),
        ("basis", record.basis, figure.basis),
        ("plans", list(record.plans), list(figure.plans)),
        ("charge", money_text(record.charge.amount), _money(figure.charge)),
        ("currency", record.charge.currency, currency),
        ("lines", _published_lines(record.charge), _lines(figure)),
    ]
    yield from _differing(OVERAGES, key, pairs, record.revision)


def outcome_differences(key: str, value: bytes | None, outcome: Outcome | None) -> Iterator[Difference]:
    """A key of `order-outcomes` and the recount's decision."""
    expected = NOTHING if outcome is None else outcome.reason or "accepted"
    if value is None or outcome is None:
        yield Difference(OUTCOMES, key, "outcome", NOTHING if value is None else "an outcome", expected)
        return
    try:
        record = OrderOutcome.model_validate_json(value)
    except ValidationError as wrong:
        yield Difference(OUTCOMES, key, "record", problem(wrong), "a record of order-outcomes")
        return
    order, plan, accepted = outcome.order, outcome.plan, outcome.reason is None
    priced = not isinstance(order, TopUp) if accepted else outcome.reason in ABOUT_PAYING
    paid = [f"{each.method}/{each.instrument or ''} {each.amount}" for each in getattr(order, "payments", ())]
    published = [f"{each.method}/{each.instrument or ''} {each.amount}" for each in record.payments or ()]
    pairs: list[tuple[str, object, object]] = [
        ("outcome", record.reason or record.outcome, expected),
        ("kind", record.kind, order.kind),
        ("price", None if record.price is None else money_text(record.price), _price(outcome) if priced else None),
        ("payments", published, paid if accepted else []),
        ("plan_id", record.plan_id, plan.plan_id if plan is not None else getattr(order, "plan_id", None)),
        ("first_day", record.first_day, plan and day_text(plan.first_day)),
        ("last_day", record.last_day, plan and day_text(plan.last_day)),
    ]
    yield from _differing(OUTCOMES, key, pairs, record.revision)


def wallet_differences(key: str, value: bytes | None, wallet: Wallet | None, currency: str) -> Iterator[Difference]:
    """A key of `wallets` and the recount's instrument."""
    if value is None or wallet is None:
        balance = NOTHING if wallet is None else _money(Fraction(wallet.cents, 100))
        yield Difference(WALLETS, key, "balance", NOTHING if value is None else "a balance", balance)
        return
    try:
        record = WalletRecord.model_validate_json(value)
    except ValidationError as wrong:
        yield Difference(WALLETS, key, "record", problem(wrong), "a record of wallets")
        return
    pairs: list[tuple[str, object, object]] = [
        ("balance in cents", cents_of(record.balance), wallet.cents),
        ("currency", record.currency, currency),
        ("expires_on", record.expires_on, wallet.expires_on and day_text(wallet.expires_on)),
    ]
    yield from _differing(WALLETS, key, pairs, record.revision)


def _differing(
    topic: str, key: str, pairs: Iterable[tuple[str, object, object]], revision: int
) -> Iterator[Difference]:
    for field, published, recounted in pairs:
        if published != recounted:
            yield Difference(topic, key, field, published, recounted, revision)


def _published_lines(charge: Charge) -> list[str]:
    return [
        f"{line.quantity} at {line.retention_days or 'no'} days: {line.units} x {price_text(line.unit_price)}"
        f" = {money_text(line.amount)}"
        for line in charge.lines
    ]


def _lines(figure: Figure) -> list[str]:
    return [
        f"{line.quantity} at {line.retention or 'no'} days: {line.hundredths // 100}.{line.hundredths % 100:02d}"
        f" x {price_text(_decimal(line.unit_price))} = {_money(line.amount)}"
        for line in figure.lines
    ]


def _price(outcome: Outcome) -> str | None:
    return None if outcome.cents is None else _money(Fraction(outcome.cents, 100))


def _money(amount: Fraction) -> str:
    return money_text(_decimal(amount))


def _decimal(amount: Fraction) -> Decimal:
    return SHOWN.divide(Decimal(amount.numerator), Decimal(amount.denominator))


def _shown(value: object) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        return f"[{'; '.join(map(str, value))}]"
    return "absent" if value is None else str(value)
