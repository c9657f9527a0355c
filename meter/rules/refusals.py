"""The laws that an order must keep, and the numbers by which it breaks one.

`LAWS` has them in precedence, the same as `schemas.reasons.Refusal`, docs/spec.md §8 and the table test. Each function
is one law: it takes an `OrderContext` and returns the numbers that break it, or None. A law may rely on all laws before
it, and returns None for kinds of orders that it does not concern.
"""

from collections import Counter
from collections.abc import Callable, Collection
from datetime import date
from decimal import Decimal, localcontext

from meter.rules import prices, wallets
from meter.rules.billing_days import day_text
from meter.rules.order_case import OrderContext
from meter.rules.wallets import WalletKey
from schemas.ids import PLAN_TRAFFIC_LIMIT, PLANS_LIMIT, shown
from schemas.money import money_text
from schemas.orders import Purchase, TopUp, Upgrade
from schemas.reasons import LAW, Refusal
from schemas.rows import NEVER, Wallet

#: A plan may begin this many days after the order's billing day: its prices are those of the order's day.
FIRST_DAY_WITHIN_DAYS = 31
#: At most this many known names in a sentence about an unknown one.
NAMES_SHOWN = 8


def first_broken(case: OrderContext) -> tuple[Refusal, str] | None:
    """The first law the order breaks and the sentence that says so: the law, then the numbers."""
    for refusal, law in LAWS.items():
        numbers = law(case)
        if numbers is not None:
            return refusal, f"{LAW[refusal]}: {numbers}"
    return None


def _currency_must_match(case: OrderContext) -> str | None:
    theirs, ours = case.order.currency, case.catalog.currency
    if theirs is None or theirs == ours:
        return None
    return f"the order has {shown(theirs)}, the catalog {ours}"


def _amount_must_be_positive(case: OrderContext) -> str | None:
    amounts = (case.order.amount,) if isinstance(case.order, TopUp) else (payment.amount for payment in case.payments)
    wrong = next((amount for amount in amounts if amount <= 0), None)
    return None if wrong is None else f"one is {money_text(wrong)}"


def _expires_on_in_the_past(case: OrderContext) -> str | None:
    expires_on = _topped_up_until(case)
    if expires_on is None or expires_on >= case.day:
        return None
    return f"it expires on {day_text(expires_on)}, the order's day is {day_text(case.day)}"


def _instrument_exists_with_different_terms(case: OrderContext) -> str | None:
    if not isinstance(case.order, TopUp):
        return None
    wallet = wallets.wallet_at(case.wallets, (case.order.method, case.order.instrument))
    expires_on = _topped_up_until(case)
    if wallet is None or wallet.expires_on == expires_on:
        return None
    return f"{_name(wallets.key_of(wallet))} {_terms(wallet.expires_on)}, the top-up {_terms(expires_on)}"


def _unknown_plan(case: OrderContext) -> str | None:
    if case.package is None or case.package in case.version.plans:
        return None
    return f"{shown(case.package)} is not; it has {_names(case.version.plans)}"


def _unknown_item(case: OrderContext) -> str | None:
    unknown = next((line.item for line in case.traffic if line.item not in case.version.traffic), None)
    return None if unknown is None else f"{shown(unknown)} is not in it; it has {_names(case.version.traffic)}"


def _plan_not_found(case: OrderContext) -> str | None:
    if case.plan_id is None or case.plan is not None:
        return None
    return f"{shown(case.plan_id)} is not; it has {_names(case.account.plans)}"


def _plan_expired(case: OrderContext) -> str | None:
    if case.plan is None or case.day <= case.plan.last_day:
        return None
    return f"the last day was {day_text(case.plan.last_day)}, the order's day is {day_text(case.day)}"


def _upgrade_must_go_up(case: OrderContext) -> str | None:
    if not isinstance(case.order, Upgrade):
        return None
    new, present = case.version.plans[case.order.plan].price, case.present.price
    return None if new > present else f"its price is {money_text(new)}, the present one's {money_text(present)}"


def _workspaces_must_not_be_empty(case: OrderContext) -> str | None:
    return "the list has 0" if case.workspaces == () else None


def _workspaces_must_not_repeat(case: OrderContext) -> str | None:
    for name, times in Counter(case.workspaces or ()).most_common(1):
        return f"{shown(name)} is listed {times} times" if times > 1 else None
    return None


def _workspace_not_in_account(case: OrderContext) -> str | None:
    account, bindings = case.account.account, case.bindings
    strange = [name for name in case.workspaces or () if name not in bindings or bindings[name].account != account]
    return f"{shown(strange[0])} does not belong to {shown(account)}{_of_all(strange, case)}" if strange else None


def _workspace_not_commercial(case: OrderContext) -> str | None:
    free = [name for name in case.workspaces or () if case.bindings[name].commercial > case.day]
    if not free:
        return None
    since = case.bindings[free[0]].commercial
    state = "is free" if since == NEVER else f"is on it from {day_text(since)}"
    return f"{shown(free[0])} {state}, the order's day is {day_text(case.day)}{_of_all(free, case)}"


def _first_day_out_of_range(case: OrderContext) -> str | None:
    if not isinstance(case.order, Purchase) or 0 <= case.counts_from - case.day <= FIRST_DAY_WITHIN_DAYS:
        return None
    return f"it is {day_text(case.counts_from)}, the order's day is {day_text(case.day)}"


def _too_many_plans(case: OrderContext) -> str | None:
    if not isinstance(case.order, Purchase):
        return None
    unexpired = sum(plan.last_day >= case.day for plan in case.account.plans.values())
    return None if unexpired < PLANS_LIMIT else f"it has {unexpired}, the order would add 1"


def _too_many_traffic_lines(case: OrderContext) -> str | None:
    lines = () if case.plan is None else case.plan.traffic
    if not case.traffic or len(lines) + len(case.traffic) <= PLAN_TRAFFIC_LIMIT:
        return None
    unexpired = sum(line.through >= case.day for line in lines)
    if unexpired + len(case.traffic) <= PLAN_TRAFFIC_LIMIT:
        return None
    return f"it has {unexpired}, the order would add {len(case.traffic)}"


def _instrument_not_found(case: OrderContext) -> str | None:
    missing = next((key for key in case.draws if wallets.wallet_at(case.wallets, key) is None), None)
    return None if missing is None else f"{_name(missing)} never was; it would pay {money_text(case.draws[missing])}"


def _instrument_expired(case: OrderContext) -> str | None:
    expired = next((wallet for wallet in _drawn_on(case) if not wallets.usable_on(wallet, case.day)), None)
    if expired is None:
        return None
    name, terms = _name(wallets.key_of(expired)), _terms(expired.expires_on)
    return f"{name} {terms}, the order's day is {day_text(case.day)}"


def _balance_exceeded(case: OrderContext) -> str | None:
    for wallet in _drawn_on(case):
        key, balance = wallets.key_of(wallet), wallet.balance
        if case.draws[key] > balance:
            return f"{_name(key)} pays {money_text(case.draws[key])}, its balance is {money_text(balance)}"
    return None


def _payments_must_equal_price(case: OrderContext) -> str | None:
    with localcontext(prices.EXACT):
        paid = sum(case.draws.values(), Decimal(0))
    if case.price is None or paid == case.price:
        return None
    return f"they make {money_text(paid)}, the price is {money_text(case.price)}"


#: Every law, in order of precedence.
LAWS: dict[Refusal, Callable[[OrderContext], str | None]] = {
    Refusal.CURRENCY_MUST_MATCH: _currency_must_match,
    Refusal.AMOUNT_MUST_BE_POSITIVE: _amount_must_be_positive,
    Refusal.EXPIRES_ON_IN_THE_PAST: _expires_on_in_the_past,
    Refusal.INSTRUMENT_EXISTS_WITH_DIFFERENT_TERMS: _instrument_exists_with_different_terms,
    Refusal.UNKNOWN_PLAN: _unknown_plan,
    Refusal.UNKNOWN_ITEM: _unknown_item,
    Refusal.PLAN_NOT_FOUND: _plan_not_found,
    Refusal.PLAN_EXPIRED: _plan_expired,
    Refusal.UPGRADE_MUST_GO_UP: _upgrade_must_go_up,
    Refusal.WORKSPACES_MUST_NOT_BE_EMPTY: _workspaces_must_not_be_empty,
    Refusal.WORKSPACES_MUST_NOT_REPEAT: _workspaces_must_not_repeat,
    Refusal.WORKSPACE_NOT_IN_ACCOUNT: _workspace_not_in_account,
    Refusal.WORKSPACE_NOT_COMMERCIAL: _workspace_not_commercial,
    Refusal.FIRST_DAY_OUT_OF_RANGE: _first_day_out_of_range,
    Refusal.TOO_MANY_PLANS: _too_many_plans,
    Refusal.TOO_MANY_TRAFFIC_LINES: _too_many_traffic_lines,
    Refusal.INSTRUMENT_NOT_FOUND: _instrument_not_found,
    Refusal.INSTRUMENT_EXPIRED: _instrument_expired,
    Refusal.BALANCE_EXCEEDED: _balance_exceeded,
    Refusal.PAYMENTS_MUST_EQUAL_PRICE: _payments_must_equal_price,
}


def _topped_up_until(case: OrderContext) -> int | None:
    given: date | None = case.order.expires_on if isinstance(case.order, TopUp) else None
    return None if given is None else given.toordinal()


def _drawn_on(case: OrderContext) -> list[Wallet]:
    """The existing wallets that the payments draw on."""
    return [wallet for key in case.draws if (wallet := wallets.wallet_at(case.wallets, key)) is not None]


def _name(key: WalletKey) -> str:
    method, instrument = key
    return method if instrument is None else f"{method} {shown(instrument)}"


def _terms(expires_on: int | None) -> str:
    return "never expires" if expires_on is None else f"expires on {day_text(expires_on)}"


def _names(known: Collection[str]) -> str:
    """What there is instead: at most NAMES_SHOWN names, and how many more."""
    if not known:
        return "none"
    more = f" and {len(known) - NAMES_SHOWN} more" if len(known) > NAMES_SHOWN else ""
    return f"{', '.join(sorted(known)[:NAMES_SHOWN])}{more}"


def _of_all(wrong: list[str], case: OrderContext) -> str:
    return f" ({len(wrong)} of {len(case.workspaces or ())} listed)"
