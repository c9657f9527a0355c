"""What changed in each group of inputs between two figures, in a sentence."""

from collections.abc import Mapping

from meter.explain.cell import Cell, Figure
from meter.explain.change_model import DriverName
from meter.explain.words import joined, short, signed
from meter.rules.allocation import Share
from schemas.money import price_text
from schemas.plurals import counted
from schemas.rows import NO_RETENTION

#: Changes that a sentence names.
NAMED = 3


def sentence_of(name: DriverName, before: Cell, after: Cell, first: Figure, last: Figure) -> str:
    """What changed in one group of inputs; "the same" if nothing did."""
    found = {
        "prices": lambda: _prices(before, after),
        "plans_and_quota": lambda: _plans(before, after, first, last),
        "workspaces_before": lambda: _others(before, after, first, last),
        "own_volume": lambda: _volume(before, after, first, last),
        "retention_mix": lambda: _mix(before, after),
    }[name]()
    return found or "the same"


def _prices(before: Cell, after: Cell) -> str:
    one, other = before.item, after.item
    parts = []
    if one.price != other.price or one.unit != other.unit:
        prices = [f"{price_text(item.price)} per {short(item.unit)}" for item in (one, other)]
        parts.append(f"price {prices[0]} → {prices[1]}")
    if one.retentions != other.retentions:
        parts.append("prices or factors of retentions changed")
    return ", ".join(parts)


def _plans(before: Cell, after: Cell, first: Figure, last: Figure) -> str:
    name = before.own.workspace
    if first.basis == last.basis == "pay_as_you_go":
        return ""
    then = {share.plan_id: share for share in first.listing(name)}
    now = {share.plan_id: share for share in last.listing(name)}
    parts = [_plan(plan_id, then.get(plan_id), now.get(plan_id), name) for plan_id in {**then, **now}]
    if "free" in (first.basis, last.basis) and first.basis != last.basis:
        parts.insert(0, "the free tier ended" if first.basis == "free" else "the day is on the free tier")
    return _few([part for part in parts if part])


def _plan(plan_id: str, then: Share | None, now: Share | None, name: str) -> str:
    if then is None or now is None:
        share = then or now
        assert share is not None, "it is in one of the two"
        return f"{plan_id} {'no longer lists it' if now is None else 'lists it now'} ({short(share.quota)} a day)"
    parts = []
    if then.quota != now.quota:
        parts.append(f"{plan_id} {short(then.quota)} → {short(now.quota)} a day")
    places = [share.workspaces.index(name) + 1 for share in (then, now)]
    if places[0] != places[1]:
        parts.append(f"place {places[0]} → {places[1]} in {plan_id}")
    elif then.workspaces != now.workspaces:
        parts.append(f"the list of {plan_id} changed")
    return ", ".join(parts)


def _others(before: Cell, after: Cell, first: Figure, last: Figure) -> str:
    """Workspaces before it in any list that used more or less; the largest changes first."""
    name = before.own.workspace
    ahead = dict.fromkeys(
        who
        for figure in (first, last)
        for share in figure.listing(name)
        for who in share.workspaces[: share.workspaces.index(name)]
    )
    moved = {who: after.usage.get(who, 0) - before.usage.get(who, 0) for who in ahead}
    changed = sorted((who for who in moved if moved[who]), key=lambda who: (-abs(moved[who]), who))
    parts = [f"{who} {short(before.usage.get(who, 0))} → {short(after.usage.get(who, 0))}" for who in changed]
    return _few(parts)


def _volume(before: Cell, after: Cell, first: Figure, last: Figure) -> str:
    if before.own.sums is None or after.own.sums is None:
        return "" if first.usage == last.usage else f"usage {short(first.usage)} → {short(last.usage)}"
    then, now = (sum(_positive(cell.own.sums or {}).values()) for cell in (before, after))
    return "" if then == now else f"reported {short(then)} → {short(now)} ({signed(now - then)})"


def _mix(before: Cell, after: Cell) -> str:
    if before.own.sums is None or after.own.sums is None:
        return "retentions are not known: included in own volume"
    then, now = (_shares(cell.own.sums or {}) for cell in (before, after))
    if not then or not now:
        return ""
    days = [each for each in sorted({**then, **now}) if then.get(each, 0) != now.get(each, 0)]
    return _few([f"{_named(each)} {_percent(then.get(each, 0))} → {_percent(now.get(each, 0))}" for each in days])


def _shares(sums: Mapping[int, int]) -> dict[int, float]:
    counts = _positive(sums)
    whole = sum(counts.values())
    return {days: quantity / whole for days, quantity in counts.items()}


def _positive(sums: Mapping[int, int]) -> dict[int, int]:
    return {days: quantity for days, quantity in sums.items() if quantity > 0}


def _named(days: int) -> str:
    return "no retention" if days == NO_RETENTION else counted(days, "day")


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"


def _few(parts: list[str]) -> str:
    more = len(parts) - NAMED
    return joined([*parts[:NAMED], f"{more} more"]) if more > 0 else ", ".join(parts)
