"""An account as published: its plans and wallets, also as the rows from which they were made.

`plan_row` and `wallet_row` invert `meter.rules.outputs.plans` and `wallets`: published plans and wallets have
everything that the rules need, so an order can be judged from the outputs alone.
"""

from datetime import date
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from meter.errors import UserError
from meter.kafka.output_reader import Latest, Revised, open_outputs
from meter.kafka.topics import Topics
from meter.settings import Settings
from schemas.plans import Plan as PlanRecord
from schemas.record import problem
from schemas.rows import Package, Plan, Traffic, Wallet, WorkspaceList
from schemas.wallets import Wallet as WalletRecord

ModelT = TypeVar("ModelT", bound=BaseModel)


async def plans_of(settings: Settings, account: str) -> list[PlanRecord]:
    """The account's published plans, by id."""
    return await _standing(settings, Topics.of(settings.topic_prefix).plans, PlanRecord, account)


async def wallets_of(settings: Settings, account: str) -> list[WalletRecord]:
    """The account's published wallets: cash, then coupons and prepaid cards by name."""
    return await _standing(settings, Topics.of(settings.topic_prefix).wallets, WalletRecord, account)


async def _standing(settings: Settings, topic: str, model: type[ModelT], account: str) -> list[ModelT]:
    latest: Latest[Revised] = Latest()
    begins = f"{account}/".encode()
    async with open_outputs(settings, topic, account=account) as reader:
        async for record in reader.to_the_end(settled=True):
            if record.key is not None and record.key.startswith(begins):
                latest.take(read(topic, model, record.value))  # type: ignore[arg-type] # both models are revised
    return [latest.records[key] for key in sorted(latest.records)]  # type: ignore[misc] # of that model


def read(topic: str, model: type[ModelT], value: bytes) -> ModelT:
    """Parse a record of an output topic; UserError if it is invalid."""
    try:
        return model.model_validate_json(value)
    except ValidationError as wrong:
        raise UserError(f"{topic} holds an invalid record: {problem(wrong)}; who else writes there?") from None


def plan_row(plan: PlanRecord) -> Plan:
    """The row that a published plan was made from."""
    return Plan(
        plan.plan_id,
        _ordinal(plan.first_day),
        _ordinal(plan.last_day),
        tuple(Package(_ordinal(each.from_), each.plan, each.price, dict(each.quotas)) for each in plan.packages),
        tuple(WorkspaceList(_ordinal(each.from_), tuple(each.workspaces)) for each in plan.lists),
        tuple(
            Traffic(each.item, each.units, each.discount, _ordinal(each.from_), _ordinal(each.through), each.capacity)
            for each in plan.traffic
        ),
    )


def wallet_row(wallet: WalletRecord) -> Wallet:
    """The row that a published wallet was made from."""
    expires_on = None if wallet.expires_on is None else _ordinal(wallet.expires_on)
    return Wallet(wallet.method, wallet.instrument, wallet.balance, expires_on)


def _ordinal(day: str) -> int:
    return date.fromisoformat(day).toordinal()
