"""The topic `plans`: a plan with its packages, lists and traffic after each change."""

from meter.rules.billing_days import day_text
from meter.rules.state.context import FoldContext
from schemas.plans import PLAN_HISTORY_LIMIT, PlanPackageFrom, TrafficFrom, WorkspacesFrom
from schemas.plans import Plan as PlanRecord
from schemas.rows import Plan


def publish_plan(context: FoldContext, account: str, plan: Plan) -> None:
    """Publish a plan with the newest part of its history (PLAN_HISTORY_LIMIT)."""
    record = PlanRecord.model_construct(
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
        revision=context.revision,
    )
    context.publish("plans", record.record_key(), record.json_bytes())
