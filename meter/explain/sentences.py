"""The first rung: why a figure is what it is, in one or two sentences for a customer."""

from collections.abc import Sequence

from meter.explain.cell import Cell, Figure
from meter.explain.words import joined, short
from meter.rules.allocation import Share
from meter.rules.billing_days import day_text

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
            f"charged by usage: {cost(figure)}."
        )
    if not figure.overage:
        return f"Nothing is over: all {short(figure.usage)} of {item} that {name} used are covered {by(figure, name)}."
    over = f"{name} is over by {short(figure.overage)} of {item} ({cost(figure)})"
    return f"{over} because {because(figure, name, item)}."


def cost(figure: Figure) -> str:
    """What it costs."""
    return f"{figure.charge.amount} {figure.charge.currency}"


def by(figure: Figure, name: str) -> str:
    """`by plan o-1`, `by plans o-1 (10 M) and o-2 (5 M)`."""
    gave = [(share.plan_id, figure.drawn.get(share.plan_id, {}).get(name, 0)) for share in figure.listing(name)]
    gave = [(plan, covered) for plan, covered in gave if covered]
    if len(gave) == 1:
        return f"by plan {gave[0][0]}"
    return f"by plans {few([f'{plan} ({short(covered)})' for plan, covered in gave])}"


def because(figure: Figure, name: str, item: str) -> str:
    """Why the plans that list the workspace did not cover its usage."""
    listing = figure.listing(name)
    with_quota = [share for share in listing if share.quota]
    if not with_quota:
        plans, have = ("plan", "has") if len(listing) == 1 else ("plans", "have")
        return f"{plans} {few([share.plan_id for share in listing])} {have} no quota of {item}"
    first, others = [], []
    for share in with_quota[:NAMED]:
        before = drawn_before(figure, name, share)
        if before:
            others.append(used_before(share, before))
        else:
            first.append(f"plan {share.plan_id} covers {short(share.quota)} a day")
    own = [joined([f"it used {short(figure.usage)}", *first])] if first else []
    more = len(with_quota) - NAMED
    rest = [f"{more} more {'plan does' if more == 1 else 'plans do'} not cover the rest"] if more > 0 else []
    return "; ".join([*own, *others, *rest])


def drawn_before(figure: Figure, name: str, share: Share) -> dict[str, int]:
    """How much of a plan's quota each workspace before this one drew, in the plan's order."""
    draws = figure.drawn.get(share.plan_id, {})
    return {who: draws[who] for who in share.workspaces[: share.workspaces.index(name)] if who in draws}


def used_before(share: Share, before: dict[str, int]) -> str:
    """Who used a plan's quota before the workspace, and how much of it."""
    drawn = sum(before.values())
    used = f"used {'all' if drawn == share.quota else short(drawn)} of the plan's {short(share.quota)}"
    if len(before) == 1:
        return f"{next(iter(before))}, which comes before it in plan {share.plan_id}, {used}"
    most = max(before, key=lambda who: before[who])
    every = ", ".join(f"{who} {short(quantity)}" for who, quantity in before.items())
    named = every if len(before) <= NAMED else f"most by {most}, {short(before[most])}"
    return f"{len(before)} workspaces before it in plan {share.plan_id} {used} ({named})"


def few(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = [f"{len(names) - NAMED} more"] if len(names) > NAMED else []
    return joined([*names[:NAMED], *more])
