"""Orders: each decided once, in the order of the log; what one changes is allocated anew from its day on.

An order costs what it lists and the cells of its account's days, whatever else stands in its journal record.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from meter.rules.fold.bindings import RecordNames, bind
from meter.rules.orders import Decision, decide
from meter.rules.outputs.dead_letters import dead_order
from meter.rules.outputs.order_outcomes import say_outcome
from meter.rules.plans import listed_on, live_history
from meter.rules.state.context import Decided
from schemas.journal import OrderEntry, OrderGroup
from schemas.orders import ChangeWorkspaces, Order, Purchase, TopUp, difference, order_from_json
from schemas.reasons import DeadReason
from schemas.rows import Binding

if TYPE_CHECKING:
    from meter.rules.fold.fold import Fold

WalletKey = tuple[str, str | None]


def order(fold: "Fold", group: OrderGroup, names: RecordNames) -> Iterator[None]:
    """Decide a group of orders."""
    for entry in group.entries:
        _order(fold, group, entry, names)
        fold.repeats.passed(group.topic, group.partition, entry.offset)
        yield


def _order(fold: "Fold", group: OrderGroup, entry: OrderEntry, names: RecordNames) -> None:
    wanted = order_from_json(entry.content)
    before = fold.memory.decided(wanted.account, wanted.order_id)
    if before is not None:
        if before.content == entry.content:
            if not fold.repeats.known(group.topic, group.partition, entry.offset):
                fold.count("order", "duplicate")
        else:
            dead_order(
                fold,
                DeadReason.CONFLICTING_DUPLICATE,
                f"order {wanted.order_id} of account {wanted.account} was decided before with other content, and that "
                f"stays: {difference(before.content, entry.content)}; send another order under another id",
                group,
                entry,
                wanted,
            )
        return
    decision = _decide(fold, entry, wanted, names)
    _apply(fold, group, entry, decision)


def _decide(fold: "Fold", entry: OrderEntry, wanted: Order, names: RecordNames) -> Decision:
    account = fold.memory.account(wanted.account)
    account.last_order_day = day = max(entry.day, account.last_order_day)
    fold.memory.touch_account(account)
    bindings = {}
    for workspace in wanted.workspaces if isinstance(wanted, Purchase | ChangeWorkspaces) else ():
        each = names.of(workspace)
        if each is None:
            continue
        bindings[workspace] = Binding(each.account, each.commercial)
        if each.account == wanted.account:
            bind(fold, each, names)
            bindings[workspace] = fold.memory.binding(workspace) or bindings[workspace]
    wallets = {}
    for key in _wallets_named(wanted):
        wallet = fold.memory.wallet(wanted.account, *key)
        if wallet is not None:
            wallets[key] = wallet
    plan_id = getattr(wanted, "plan_id", None)
    expired = fold.memory.expired_plan(wanted.account, plan_id) if plan_id and plan_id not in account.plans else None
    return decide(wanted, day, account, wallets, bindings, fold.known().catalogue, expired)


def _wallets_named(wanted: Order) -> set[WalletKey]:
    if isinstance(wanted, TopUp):
        return {(wanted.method, wanted.instrument)}
    return {(payment.method, payment.instrument) for payment in getattr(wanted, "payments", ())}


def _apply(fold: "Fold", group: OrderGroup, entry: OrderEntry, decision: Decision) -> None:
    memory = fold.memory
    memory.put_decided(decision.account, decision.order_id, Decided(entry.content))
    say_outcome(fold, decision)
    fold.count("order", "counted")
    for wallet in decision.wallets:
        fold.standing.wallet(
            decision.account, memory.wallet(decision.account, wallet.method, wallet.instrument), wallet
        )
        memory.put_wallet(decision.account, wallet)
    if decision.plan is None or decision.effective_day is None:
        return
    facts = fold.known()
    plan = live_history(decision.plan, facts.expired_through)
    account = memory.account(decision.account)
    before = account.plans.get(plan.plan_id)
    fold.standing.plan(account.account, before, plan)
    account.plans[plan.plan_id] = plan
    memory.touch_account(account)
    fold.stakes.forget(account.account)
    since = facts.live_from(decision.effective_day)
    for cell in memory.cells_from(account.account, since, plan.last_day):
        listed, left = listed_on(plan, cell.day), () if before is None else listed_on(before, cell.day)
        fold.touch(cell).by_order(decision.order_id, listed, left, group.topic, group.partition, entry.offset)
    for day in range(since, min(plan.last_day, facts.closed_through + 1) + 1):  # only of a late order
        fold.changed_days[account.account, day] = None
