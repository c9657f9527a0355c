"""Quotes an order: its price today and whether it would be accepted, by the rules of the meter; nothing is sent."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from agents.intake.workspace_directory import WorkspaceDirectory
from agents.journal.opening import recorded_under
from meter.batch.lanes import Reopen
from meter.commands.account_state import plan_row, plans_of, wallet_row, wallets_of
from meter.errors import UserError
from meter.kafka.topics import Topics
from meter.rules.orders import Decision, decide
from meter.rules.plans import quota_on
from meter.rules.state.journal_facts import JournalFacts
from meter.rules.wallets import CASH, WalletKey, key_of
from meter.settings import Settings
from schemas.catalog import Catalog
from schemas.orders import ChangeWorkspaces, Order, Payment, Purchase, TopUp
from schemas.reasons import Refusal
from schemas.rows import Account, Binding, Plan, Wallet

CASH_KEY: WalletKey = (CASH, None)


@dataclass(frozen=True)
class Quote:
    """The decision that an order would get. `assumed`: it names no payments, so exact payment in cash was assumed."""

    decision: Decision
    day: int
    assumed: bool
    #: The plan before the order, if the order changes one.
    before: Plan | None
    #: The balance of the account's cash.
    cash: Decimal


@dataclass(frozen=True)
class AccountState:
    """The rows that decide an order."""

    account: Account
    wallets: Mapping[WalletKey, Wallet]
    bindings: Mapping[str, Binding]
    catalog: Catalog


def paid_in_cash(order: Order, price: Decimal) -> Order:
    """The order with its whole price paid from cash; one that costs nothing as it is."""
    if not price:
        return order
    return order.model_copy(update={"payments": (Payment(method="cash", instrument=None, amount=price),)})


def quotas(quote: Quote) -> dict[str, tuple[int, int]]:
    """Quota a day of each item of the plan, before and after, on the day the order counts from."""
    decision, plan = quote.decision, quote.decision.plan
    if plan is None or decision.effective_day is None:
        return {}
    day, before = decision.effective_day, quote.before
    items = sorted({*plan.packages[-1].quotas, *(traffic.item for traffic in plan.traffic)})
    return {item: (quota_on(before, item, day) if before else 0, quota_on(plan, item, day)) for item in items}


async def quoted(settings: Settings, order: Order) -> Quote:
    """The quote of an order from the plans, wallets and workspaces published now."""
    facts = (await recorded_under(settings)).facts
    plans = [plan_row(plan) for plan in await plans_of(settings, order.account)]
    wallets = [wallet_row(wallet) for wallet in await wallets_of(settings, order.account)]
    state = AccountState(
        Account(order.account, {plan.plan_id: plan for plan in plans}),
        {key_of(wallet): wallet for wallet in wallets},
        await _bindings(settings, facts, order),
        facts.catalog,
    )
    return quote(order, facts.zone.day_of(time.time_ns() // 1000), state)


def quote(order: Order, day: int, known: AccountState) -> Quote:
    """What `decide` would answer on a day; an order without payments is assumed to be paid exactly."""
    decision = decide(order, day, known.account, known.wallets, known.bindings, known.catalog)
    assumed = decision.refusal is Refusal.PAYMENTS_MUST_EQUAL_PRICE and not _payments(order)
    if assumed:
        assert decision.price is not None, "a refusal about paying has the price"
        paying = paid_in_cash(order, decision.price)
        wallets = {**known.wallets, CASH_KEY: Wallet(CASH, None, decision.price)}
        decision = decide(paying, day, known.account, wallets, known.bindings, known.catalog)
    before = None if decision.plan_id is None else known.account.plans.get(decision.plan_id)
    cash = known.wallets.get(CASH_KEY)
    return Quote(decision, day, assumed, before, Decimal("0.00") if cash is None else cash.balance)


def _payments(order: Order) -> tuple[Payment, ...]:
    return () if isinstance(order, TopUp) else order.payments


async def _bindings(settings: Settings, facts: JournalFacts, order: Order) -> dict[str, Binding]:
    """The bindings of the workspaces that the order lists, from `workspaces` as it is now."""
    if not isinstance(order, Purchase | ChangeWorkspaces):
        return {}
    topic = Topics.of(settings.topic_prefix).workspaces
    directory = WorkspaceDirectory(topic, facts.zone, facts.opening.partitions, settings.kafka_client_kwargs())
    try:
        await directory.start()
        directory.require_answer(order.workspaces, commercial=True)
        known = {name: entry.named for name in order.workspaces if (entry := directory.known(name)) is not None}
    except Reopen as no_answer:
        raise UserError(f"{no_answer}; look at the broker, and try again") from no_answer
    finally:
        await directory.stop()
    return {name: Binding(named.account, named.commercial) for name, named in known.items()}
