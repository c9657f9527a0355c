"""Rungs two to four: usage, plans in drawing order and charge, out of a cell and its figure."""

from meter.explain.cell import Cell, Event, Figure
from meter.explain.figure_model import (
    Charge,
    ChargeLine,
    Draw,
    PackageLine,
    PlanDraw,
    Quota,
    Report,
    Reported,
    TrafficLine,
    Usage,
)
from meter.rules.allocation import Share
from meter.rules.billing_days import BillingZone, day_text
from meter.rules.plans import package_on
from schemas.rows import NO_RETENTION, Plan

NOT_YET_STATED = (
    "reports by retention are published when the day closes; until then only the journal has them, and it was not read"
)


def usage_of(cell: Cell, figure: Figure, zone: BillingZone) -> Usage:
    """What was reported and what it is converted to."""
    own, item = cell.own, cell.item
    reported = None if own.sums is None else [_reported(cell, days) for days in sorted(own.sums)]
    return Usage(
        aggregation=item.aggregation,
        unit=item.unit,
        reported=reported,
        reported_reason=NOT_YET_STATED if reported is None else None,
        report=None if own.event is None else _report(own.event, zone),
        converted=figure.usage,
    )


def _reported(cell: Cell, days: int) -> Reported:
    own, item = cell.own, cell.item
    assert own.sums is not None
    total = own.sums[days]
    quantity = max(0, total)
    factor = item.retentions[days].factor if days in item.retentions else 1
    return Reported(
        retention_days=None if days == NO_RETENTION else days,
        quantity=quantity,
        total=total if own.exact else None,
        factor=factor,
        converted=quantity * factor,
    )


def _report(event: Event, zone: BillingZone) -> Report:
    return Report(
        quantity=event.quantity,
        corrected=event.corrected,
        time=zone.local_text(event.time_us),
        source=event.source,
        id=event.id,
        topic=event.topic,
        partition=event.partition,
        offset=event.offset,
    )


def plans_of(cell: Cell, figure: Figure) -> list[PlanDraw]:
    """The plans that list the workspace, in drawing order."""
    rows = {plan.plan_id: plan for plan in cell.plans}
    return [_plan(cell, figure, share, rows[share.plan_id]) for share in figure.listing(cell.own.workspace)]


def _plan(cell: Cell, figure: Figure, share: Share, plan: Plan) -> PlanDraw:
    place = share.workspaces.index(cell.own.workspace)
    draws = figure.drawn.get(share.plan_id, {})
    before = [Draw(workspace=who, drawn=draws[who]) for who in share.workspaces[:place] if who in draws]
    left = share.quota - sum(draw.drawn for draw in before)
    covered = draws.get(cell.own.workspace, 0)
    return PlanDraw(
        plan_id=share.plan_id,
        first_day=day_text(plan.first_day),
        last_day=day_text(plan.last_day),
        place=place + 1,
        listed=len(share.workspaces),
        quota=quota_of(plan, cell.item.name, cell.day),
        drawn_before=before,
        left_before=left,
        covered=covered,
        left_after=left - covered,
    )


def quota_of(plan: Plan, item: str, day: int) -> Quota:
    """The parts of a plan's quota; the plan is in force."""
    package = package_on(plan, day)
    assert package is not None, f"plan {plan.plan_id} is not in force on day {day}"
    traffic = [
        TrafficLine(
            units=line.units,
            capacity=line.capacity,
            quota=line.units * line.capacity,
            first_day=day_text(line.since),
            last_day=day_text(line.through),
        )
        for line in plan.traffic
        if line.item == item and line.since <= day <= line.through
    ]
    own = package.quotas.get(item, 0)
    total = own + sum(line.quota for line in traffic)
    return Quota(total=total, package=PackageLine(plan=package.plan, quota=own), traffic=traffic)


def charge_of_figure(cell: Cell, figure: Figure) -> Charge:
    """What it costs, line by line."""
    unit = cell.item.unit
    return Charge(
        basis=figure.basis,
        amount=figure.charge.amount,
        currency=figure.charge.currency,
        lines=[
            ChargeLine(
                retention_days=line.retention_days,
                quantity=line.quantity,
                unit=unit,
                units=line.units,
                cut=line.quantity * 100 % unit // 100,
                price=line.unit_price,
                amount=line.amount,
            )
            for line in figure.charge.lines
        ],
    )
