"""The first rung: why a figure is what it is, in one or two sentences for a customer."""

from collections.abc import Sequence

from meter.explain.cell import Cell, Figure
from meter.explain.words import joined, short
from meter.rules.allocation import Share
from meter.rules.billing_days import day_text
from schemas.plurals import counted

#: Workspaces, and plans, that a sentence names one by one.
NAMED = 3


def sentence(cell: Cell, figure: Figure) -> str:
    """Why so much is over, or nothing."""
    name, item = cell.own.workspace, cell.item.name
    if figure.basis == "free":
        return f"{name} is on the free tier on {day_text(cell.day)}: its {short(figure.usage)} of {item} cost nothing."
    if not figure.usage:
        return f"{name} has no usage of {item} on {day_text(cell.day)}."
    if figure.basis == "pay_as_you_go":
        return (
            f"No plan lists {name} on {day_text(cell.day)}, so all {short(figure.usage)} of {item} that it used are "
            f"over and paid by usage: {cost(figure)}."
        )
    listing = figure.listing(name)
    if not figure.overage:
        return f"Nothing is over: all {short(figure.usage)} of {item} that {name} used are covered {by(figure, name)}."
    return (
        f"{name} is over by {short(figure.overage)} of {item} because {because(figure, name, listing)}: {cost(figure)}."
    )


def cost(figure: Figure) -> str:
    """What it costs."""
    return f"{figure.charge.amount} {figure.charge.currency}"


def by(figure: Figure, name: str) -> str:
    """`by plan o-1`, `by plans o-1 (10 M) and o-2 (5 M)`."""
    gave = [(share.plan_id, figure.drawn.get(share.plan_id, {}).get(name, 0)) for share in figure.listing(name)]
    gave = [(plan, covered) for plan, covered in gave if covered]
    if len(gave) == 1:
        return f"by plan {gave[0][0]}"
    parts = [f"{plan} ({short(covered)})" for plan, covered in gave[:NAMED]]
    if len(gave) > NAMED:
        parts.append(f"{len(gave) - NAMED} more")
    return f"by plans {joined(parts)}"


def because(figure: Figure, name: str, listing: Sequence[Share]) -> str:
    """Why the quotas that the workspace may draw on did not cover its usage."""
    with_quota = [share for share in listing if share.quota]
    if not with_quota:
        none = "plan" if len(listing) == 1 else "plans"
        has = "has" if len(listing) == 1 else "have"
        return f"{none} {joined([share.plan_id for share in listing[:NAMED]])} {has} no quota of it"
    parts = [of_plan(figure, name, share) for share in with_quota[:NAMED]]
    if len(with_quota) > NAMED:
        parts.append(f"{counted(len(with_quota) - NAMED, 'further plan')} are drawn too")
    return joined(parts)


def of_plan(figure: Figure, name: str, share: Share) -> str:
    """Who drew the quota of one plan before the workspace, or that it was not enough."""
    draws = figure.drawn.get(share.plan_id, {})
    before = {who: draws[who] for who in share.workspaces[: share.workspaces.index(name)] if who in draws}
    if not before:
        return f"it used {short(figure.usage)} and plan {share.plan_id} covers {short(share.quota)} a day"
    most = sorted(before, key=lambda who: (-before[who], share.workspaces.index(who)))
    stand = "stands" if len(before) == 1 else "stand"
    if len(before) <= NAMED:
        who = joined([f"{short(drawn)} by {each}" for each, drawn in before.items()])
    else:
        who = f"{short(sum(before.values()))} by {len(before)} workspaces (most by {most[0]}, {short(before[most[0]])})"
    return f"plan {share.plan_id}'s {short(share.quota)} were drawn {who}, which {stand} before it"
