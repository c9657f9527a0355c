"""Decides each order once, in log order, and has the quota of its plan's days allocated again.

The work for an order is in proportion to its list and to the cells of the plan's days, whatever else its journal
record holds.
"""

from collections.abc import Iterator

from meter.rules.fold.bindings import RecordNames, bind
from meter.rules.orders import Decision, decide
from meter.rules.outputs.dead_letters import dead_order
from meter.rules.outputs.order_outcomes import publish_outcome
from meter.rules.plans import listed_on, live_history
from meter.rules.state.cause import SourceRange
from meter.rules.state.context import FoldContext
from meter.rules.state.rows import Decided
from schemas.journal import OrderEntry, OrderGroup
from schemas.orders import ChangeWorkspaces, Order, Purchase, TopUp, difference, order_from_json
from schemas.reasons import DeadReason
from schemas.rows import Binding

WalletKey = tuple[str, str | None]


def decide_orders(context: FoldContext, group: OrderGroup, names: RecordNames) -> Iterator[None]:
    """Decide a group of orders."""
    for entry in group.entries:
        _order(context, group, entry, names)
        context.repeats.passed(group.topic, group.partition, entry.offset)
        yield


def _order(context: FoldContext, group: OrderGroup, entry: OrderEntry, names: RecordNames) -> None:
    wanted = order_from_json(entry.content)
    before = context.rows.decided(wanted.account, wanted.order_id)
    if before is not None:
        if before.content == entry.content:
            if not context.repeats.known(group.topic, group.partition, entry.offset):
                context.metric("order", "duplicate")
        else:
            dead_order(
                context,
                DeadReason.CONFLICTING_DUPLICATE,
                f"order {wanted.order_id} of account {wanted.account} was decided before with other content, and that "
                f"stays: {difference(before.content, entry.content)}; send another order under another id",
                group,
                entry,
                wanted,
            )
        return
    brought_by = SourceRange(group.topic, group.partition, entry.offset, entry.offset)
    decision = _decide(context, entry, wanted, names, brought_by)
    _apply(context, group, entry, decision)


def _decide(
    context: FoldContext, entry: OrderEntry, wanted: Order, names: RecordNames, brought_by: SourceRange
) -> Decision:
    account = context.rows.account(wanted.account)
    account.last_order_day = day = max(entry.day, account.last_order_day)
    context.rows.put_account(account)
    bindings = {}
    for workspace in wanted.workspaces if isinstance(wanted, Purchase | ChangeWorkspaces) else ():
        each = names.of(workspace)
        if each is None:
            continue
        bindings[workspace] = Binding(each.account, each.commercial)
        if each.account == wanted.account:
            bind(context, each, names, brought_by)
            bindings[workspace] = context.rows.binding(workspace) or bindings[workspace]
    wallets = {}
    for key in _wallets_named(wanted):
        wallet = context.rows.wallet(wanted.account, *key)
        if wallet is not None:
            wallets[key] = wallet
    plan_id = getattr(wanted, "plan_id", None)
    expired = context.rows.expired_plan(wanted.account, plan_id) if plan_id and plan_id not in account.plans else None
    return decide(wanted, day, account, wallets, bindings, context.known().catalog, expired)


def _wallets_named(wanted: Order) -> set[WalletKey]:
    if isinstance(wanted, TopUp):
        return {(wanted.method, wanted.instrument)}
    return {(payment.method, payment.instrument) for payment in getattr(wanted, "payments", ())}


def _apply(context: FoldContext, group: OrderGroup, entry: OrderEntry, decision: Decision) -> None:
    rows = context.rows
    rows.put_decided(decision.account, decision.order_id, Decided(entry.content))
    publish_outcome(context, decision)
    context.metric("order", "counted")
    context.metric(decision.kind, "accepted" if decision.accepted else "refused")
    if decision.refusal is not None:
        context.metric("refusal", decision.refusal.value)
    for wallet in decision.wallets:
        context.pending.wallet(
            decision.account, rows.wallet(decision.account, wallet.method, wallet.instrument), wallet
        )
        rows.put_wallet(decision.account, wallet)
    if decision.plan is None or decision.effective_day is None:
        return
    facts = context.known()
    plan = live_history(decision.plan, facts.expired_through)
    account = rows.account(decision.account)
    before = account.plans.get(plan.plan_id)
    context.pending.plan(account.account, before, plan)
    account.plans[plan.plan_id] = plan
    rows.put_account(account)
    context.quota_cache.forget(account.account)
    since = facts.live_from(decision.effective_day)
    for cell in rows.cells_from(account.account, since, plan.last_day):
        listed, left = listed_on(plan, cell.day), () if before is None else listed_on(before, cell.day)
        context.change(cell).by_order(decision.order_id, listed, left, group.topic, group.partition, entry.offset)
    for day in range(since, min(plan.last_day, facts.closed_through + 1) + 1):  # closed ones, if the order is late
        context.changed_days[account.account, day] = None
