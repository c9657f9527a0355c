"""Quotes a form's order: the result of `meter quote` now, and the effect on today's figures.

Plans, wallets and figures come from one snapshot of the file; the deciding rules are the meter's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b
from typing import Any

from agents.quote import AccountState, Quote, paid_in_cash, quotas, quote
from meter.commands.account_state import plan_row, read, wallet_row
from meter.dashboard.models import Record
from meter.dashboard.order_models import Effect, FieldProblem, QuotaChange, QuoteView, WalletChange
from meter.dashboard.orders.effect import Used, effect_of
from meter.dashboard.orders.fields import SPLIT, Fields
from meter.dashboard.orders.known import Judged
from meter.dashboard.orders.reading import order_of, refused_at
from meter.dashboard.sight import Sight, decoded
from meter.dashboard.views.cells import cells_of
from meter.rules.billing_days import day_text, parse_day
from meter.rules.orders import Decision
from meter.rules.wallets import WalletKey, key_of
from schemas.money import money_text
from schemas.orders import Order, TopUp, canonical
from schemas.plans import Plan as PlanRecord
from schemas.rows import Account, Plan, Wallet
from schemas.wallets import Wallet as WalletRecord

#: Bytes of an order's digest.
SEEN_BYTES = 12


@dataclass(frozen=True)
class Quoted:
    """A form's order and quote, if any."""

    order: Order | None
    problems: list[FieldProblem]
    view: QuoteView | None
    effect: Effect | None


class Holdings:
    """An account's plans and wallets, as published: records for pages, rows for the rules."""

    def __init__(self, sight: Sight, account: str) -> None:
        self.account = account
        self.plans = _records(sight, "plans", account)
        self.wallets = _records(sight, "wallets", account)
        self.plan_rows: dict[str, Plan] = {
            str(body["plan_id"]): plan_row(read("plans", PlanRecord, raw)) for body, raw in self.plans
        }
        wallets = (wallet_row(read("wallets", WalletRecord, raw)) for _, raw in self.wallets)
        self.wallet_rows: dict[WalletKey, Wallet] = {key_of(each): each for each in wallets}

    def plan(self, plan_id: str) -> Record | None:
        """The published record of a plan."""
        return next((body for body, _ in self.plans if body["plan_id"] == plan_id), None)

    def judged(self, judged: Judged) -> AccountState:
        """The account state that decides an order."""
        account = Account(self.account, self.plan_rows)
        return AccountState(account, self.wallet_rows, judged.named, judged.catalog)


def quoted_form(sight: Sight, fields: Fields, holdings: Holdings, judged: Judged) -> Quoted:
    """The quote of a form; if cash pays the whole price, the payment is filled in."""
    order = order_of(fields)
    if isinstance(order, list):
        return Quoted(None, order, None, None)
    day, known = parse_day(sight.today), holdings.judged(judged)
    paid = quote(_unpaid(order), day, known)
    if fields.paying != SPLIT and paid.assumed:
        assert paid.decision.price is not None, "an order whose payment is assumed has a price"
        order = paid_in_cash(order, paid.decision.price)
    return _answer(sight, fields, order, quote(order, day, known), paid, holdings, judged)


def _unpaid(order: Order) -> Order:
    """The order without payments: a quote assumes that they are exact."""
    return order if isinstance(order, TopUp) else order.model_copy(update={"payments": ()})


def seen_of(order: Order, currency: str) -> str:
    """An order's digest: the same for equal orders, with defaults written out or left out."""
    return blake2b(canonical(order, currency), digest_size=SEEN_BYTES).hexdigest()


def used_today(sight: Sight, account: str, day: str) -> list[Used]:
    """The published usage of each workspace."""
    return [
        Used(each.workspace, each.item, each.usage, each.charge, each.basis) for each in cells_of(sight, account, day)
    ]


def _answer(
    sight: Sight, fields: Fields, order: Order, found: Quote, paid: Quote, holdings: Holdings, judged: Judged
) -> Quoted:
    """The decision is `found`; the resulting plan and the effect are those of the exactly paid order."""
    decision = found.decision
    problems = []
    if decision.refusal is not None:
        assert decision.error is not None, "a refusal has a sentence"
        problems.append(refused_at(fields.kind, decision.refusal, decision.error))
    seen = seen_of(order, judged.catalog.currency) if decision.accepted else None
    view = _view(found, paid, holdings, seen)
    effect = _effect(sight, paid.decision, holdings, judged) if paid.decision.plan is not None else None
    return Quoted(order, problems, view, effect)


def _view(found: Quote, paid: Quote, holdings: Holdings, seen: str | None) -> QuoteView:
    decision, made = found.decision, paid.decision
    left = None
    if made.last_day is not None and made.effective_day is not None:
        left = made.last_day - made.effective_day + 1
    payments = [
        {"method": method, **({} if instrument is None else {"instrument": instrument}), "amount": money_text(amount)}
        for method, instrument, amount in decision.payments
    ]
    return QuoteView(
        outcome="accepted" if decision.accepted else "refused",
        price=None if decision.price is None else money_text(decision.price),
        payments=[] if found.assumed else payments,
        counts_from=_day(made.effective_day),
        first_day=_day(made.first_day),
        last_day=_day(made.last_day),
        days_left=left,
        quotas=[QuotaChange(item=item, before=one, after=other) for item, (one, other) in quotas(paid).items()],
        wallets=[_wallet(each, holdings.wallet_rows) for each in decision.wallets],
        seen=seen,
    )


def _wallet(after: Wallet, rows: Mapping[WalletKey, Wallet]) -> WalletChange:
    before = rows.get(key_of(after))
    return WalletChange(
        method=after.method,
        instrument=after.instrument,
        before=money_text(before.balance if before is not None else Decimal(0)),
        after=money_text(after.balance),
    )


def _effect(sight: Sight, decision: Decision, holdings: Holdings, judged: Judged) -> Effect:
    """The effect on today; an order that begins on a later day has none."""
    assert decision.plan is not None, "only an order that makes or changes a plan has an effect"
    after = {**holdings.plan_rows, decision.plan.plan_id: decision.plan}
    row = sight.row("SELECT sum(more) FROM items WHERE day = ? AND account = ?", sight.today, holdings.account)
    used = used_today(sight, holdings.account, sight.today)
    more = int(row[0] or 0)
    day = parse_day(sight.today)
    return effect_of(day, holdings.plan_rows.values(), after.values(), used, judged.catalog, more)


def _records(sight: Sight, kind: str, account: str) -> list[tuple[Any, bytes]]:
    rows = sight.rows("SELECT body FROM records WHERE kind = ? AND account = ? ORDER BY name", kind, account)
    return [(decoded(body), str(body).encode()) for (body,) in rows]


def _day(day: int | None) -> str | None:
    return None if day is None else day_text(day)
