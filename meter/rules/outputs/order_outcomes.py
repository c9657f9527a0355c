"""What orders publish: their outcome, the plans and wallets as they stand after the whole record."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from meter.rules.billing_days import day_text
from meter.rules.orders import Decision
from schemas.outcomes import OrderOutcome, Paid
from schemas.plans import PLAN_HISTORY_LIMIT, PlanPackageFrom, TrafficFrom, WorkspacesFrom
from schemas.plans import Plan as PlanRecord
from schemas.rows import Plan, Wallet
from schemas.wallets import Wallet as WalletRecord

if TYPE_CHECKING:
    from meter.rules.fold.fold import Fold


class Standing:
    """Plans and wallets that a record changed: each is told once, as it stands after the record, if it differs."""

    def __init__(self) -> None:
        self._wallets: dict[tuple[str, str, str | None], tuple[Wallet | None, Wallet]] = {}
        self._plans: dict[tuple[str, str], tuple[Plan | None, Plan]] = {}

    def wallet(self, account: str, before: Wallet | None, after: Wallet) -> None:
        """A wallet changed; what stood before the record's first change is kept."""
        key = (account, after.method, after.instrument)
        first, _ = self._wallets.get(key, (before, after))
        self._wallets[key] = (first, after)

    def plan(self, account: str, before: Plan | None, after: Plan) -> None:
        """A plan changed; what stood before the record's first change is kept."""
        key = (account, after.plan_id)
        first, _ = self._plans.get(key, (before, after))
        self._plans[key] = (first, after)

    def say(self, fold: "Fold") -> Iterator[None]:
        """End of the record: tell what changed."""
        for (account, *_), (before_plan, plan) in self._plans.items():
            if plan != before_plan:
                say_plan(fold, account, plan)
                yield
        for (account, *_), (before, wallet) in self._wallets.items():
            if wallet != before:
                say_wallet(fold, account, wallet)
                yield
        self._plans.clear()
        self._wallets.clear()


def say_outcome(fold: "Fold", decision: Decision) -> None:
    """Publish what became of an order."""
    priced = decision.price is not None
    told = OrderOutcome.model_construct(
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
        first_day=_day(decision.first_day),
        last_day=_day(decision.last_day),
        revision=fold.revision,
    )
    fold.say("order-outcomes", told.record_key(), told.json_bytes())


def say_wallet(fold: "Fold", account: str, wallet: Wallet) -> None:
    """Publish a wallet as it stands."""
    told = WalletRecord.model_construct(
        account=account,
        method=wallet.method,
        instrument=wallet.instrument,
        balance=wallet.balance,
        currency=fold.known().opening.currency,
        expires_on=_day(wallet.expires_on),
        revision=fold.revision,
    )
    fold.say("wallets", told.record_key(), told.json_bytes())


def say_plan(fold: "Fold", account: str, plan: Plan) -> None:
    """Publish a plan with its history, as far as a record holds it."""
    told = PlanRecord.model_construct(
        account=account,
        plan_id=plan.plan_id,
        first_day=day_text(plan.first_day),
        last_day=day_text(plan.last_day),
        packages=[
            PlanPackageFrom.model_construct(
                from_=day_text(package.since), plan=package.plan, price=package.price, quotas=package.quotas
            )
            for package in plan.packages[-PLAN_HISTORY_LIMIT:]
        ],
        more_packages=max(0, len(plan.packages) - PLAN_HISTORY_LIMIT) or None,
        lists=[
            WorkspacesFrom.model_construct(from_=day_text(each.since), workspaces=list(each.workspaces))
            for each in plan.lists[-PLAN_HISTORY_LIMIT:]
        ],
        more_lists=max(0, len(plan.lists) - PLAN_HISTORY_LIMIT) or None,
        traffic=[
            TrafficFrom.model_construct(
                item=traffic.item,
                units=traffic.units,
                discount=traffic.discount,
                capacity=traffic.capacity,
                from_=day_text(traffic.since),
                through=day_text(traffic.through),
            )
            for traffic in plan.traffic
        ],
        revision=fold.revision,
    )
    fold.say("plans", told.record_key(), told.json_bytes())


def _day(day: int | None) -> str | None:
    return None if day is None else day_text(day)
