"""Alternatives in words: a title for a table, and why the figures are what they are."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from meter.advise.alternatives import Alternative
from meter.advise.changes import AddTraffic, Buy, Change, ChangeWorkspaces, Upgrade, Without
from meter.advise.growth import LEAST_GROWTH, MOST_GROWTH
from meter.advise.online import OnlineRule
from meter.advise.savings import LEAST_SCALE, MOST_SCALE, cents
from meter.rules.billing_days import day_text
from schemas.money import price_text
from schemas.orders import TrafficLine

#: Names in a sentence; more are counted.
NAMED = 4


def money(amount: Decimal) -> str:
    """To the cent, thousands apart."""
    return f"{cents(amount):,}"


def percent(share: Decimal | float) -> str:
    """A share as whole percent."""
    return f"{round(100 * share)} %"


def names(words: Iterable[str]) -> str:
    """Some names, cut where there are many."""
    every = list(words)
    more = len(every) - NAMED
    return ", ".join(every[:NAMED]) + (f" and {more} more" if more > 0 else "")


def title(changes: Sequence[Change]) -> str:
    """An alternative in a few words."""
    if not changes:
        return "stay"
    packages: dict[str, int] = {}
    for change in changes:
        if isinstance(change, Buy):
            packages[change.package] = packages.get(change.package, 0) + 1
    words = [f"upgrade to {change.package}" for change in changes if isinstance(change, Upgrade)]
    words += [f"{count} {name}" for name, count in packages.items()]
    units = sum(line.units for line in traffic_of(changes))
    if units:
        words.append(f"{units:,} traffic")
    if any(isinstance(change, ChangeWorkspaces) for change in changes):
        words.append("new list")
    words += [f"without {change.plan_id}" for change in changes if isinstance(change, Without)]
    return " + ".join(words)


def traffic_of(changes: Sequence[Change]) -> list[TrafficLine]:
    """All traffic packages of some changes."""
    return [line for change in changes if isinstance(change, Buy | AddTraffic) for line in change.traffic]


def why(each: Alternative, base: Alternative) -> str:
    """What an alternative adds and saves, item by item; who is listed, and how full its traffic packages are."""
    days = len(each.saved)
    more, less = each.price.a_day - base.price.a_day, base.overage_a_day - each.overage_a_day
    parts = [f"packages cost {money(abs(more))} a day {'more' if more >= 0 else 'less'}"] if cents(more) else []
    before, after = base.outcome.over_by_item, each.outcome.over_by_item
    falls = {item: before.get(item, Decimal(0)) - after.get(item, Decimal(0)) for item in {*before, *after}}
    largest = sorted((item for item in falls if cents(falls[item] / days)), key=lambda item: (-abs(falls[item]), item))
    items = ", ".join(f"{item} {money(falls[item] / days)}" for item in largest[:NAMED])
    parts.append(
        f"overage charges {'fall' if less >= 0 else 'rise'} by {money(abs(less))} a day"
        + (f" ({items})" if items else "")
    )
    return "; ".join([*parts, *_listing(each, base), *_fills(each)])


def _listing(each: Alternative, base: Alternative) -> list[str]:
    """Who is listed and was not, or the other way round."""
    found = []
    if each.listed - base.listed and base.listed:
        found.append(f"also lists {names(sorted(each.listed - base.listed))}")
    gone = sorted(base.listed - each.listed) if each.listed else []
    if gone:
        found.append(f"takes {names(gone)} off the list (their retentions cost less unlisted)")
    unlisted = sorted(each.unlisted - base.listed) if each.listed else []
    if unlisted:
        found.append(f"leaves {names(unlisted)} unlisted (their retentions cost less that way)")
    return found


def _fills(each: Alternative) -> list[str]:
    """How full the last traffic package of each item was, and from where on it pays."""
    lines = [line for line in traffic_of(each.changes) if line.item in each.fills]
    if not lines:
        return []
    used = ", ".join(f"{line.item} {percent(each.fills[line.item])}" for line in lines[:NAMED])
    pays = " or ".join(dict.fromkeys(f"{price_text(100 * line.discount)} %" for line in lines[:NAMED]))
    return [f"use of the last traffic package: {used} (it saves from {pays} on)"]


def holds(each: Alternative) -> str:
    """Between which scales of usage an alternative is cheaper."""
    found = each.holds
    if found is None:
        return "not cheaper"
    low, high = found.least > LEAST_SCALE, found.most < MOST_SCALE
    if low and high:
        return f"cheaper while usage is {percent(found.least)} to {percent(found.most)} of what it was"
    if low:
        return f"cheaper while usage is at least {percent(found.least)} of what it was"
    if high:
        return f"cheaper while usage is at most {percent(found.most)} of what it was"
    return f"cheaper at any usage from {percent(LEAST_SCALE)} to {percent(MOST_SCALE)} of what it was"


def grows(each: Alternative) -> str:
    """How fast usage may grow or fall month by month."""
    found = each.growth
    if found is None:
        return "no growth or fall of up to 20 % a month makes it cheaper"
    low, high = found.least > LEAST_GROWTH, found.most < MOST_GROWTH
    over = f"over {found.days} days"
    if low and high:
        return f"cheaper {over} while usage changes by {_rate(found.least)} to {_rate(found.most)} a month"
    if low and found.least <= 0:
        return f"cheaper {over} while usage falls by at most {_rate(-found.least, '')} a month"
    if low:
        return f"cheaper {over} only if usage grows by at least {_rate(found.least, '')} a month"
    if high and found.most >= 0:
        return f"cheaper {over} while usage grows by at most {_rate(found.most, '')} a month"
    if high:
        return f"cheaper {over} only if usage falls by at least {_rate(-found.most, '')} a month"
    return f"cheaper {over} at any change of usage from {_rate(LEAST_GROWTH)} to {_rate(MOST_GROWTH)} a month"


def _rate(rate: float, plus: str = "+") -> str:
    """A rate a month: +1.5 %."""
    sign = plus if rate >= 0 else "−"
    return f"{sign}{abs(100 * rate):.1f} %"


def rule(each: OnlineRule) -> str:
    """How far the rule without a forecast is, for one package."""
    reached = f"{money(each.covered)} of {money(each.price)} in {each.days} day{'' if each.days == 1 else 's'}"
    if each.reached:
        return f"{reached}: reached, buy one"
    if each.days_to_go is not None:
        return f"{reached}, reached in {each.days_to_go} more at this pace"
    return f"{reached}, never reached at this pace"


def worst_day(each: Alternative, days: Sequence[int]) -> str:
    """The day on which the alternative did worst."""
    saved, day = min(zip(each.saved, days, strict=True))
    if saved >= 0:
        return f"worst day saves {money(saved)} ({day_text(day)})"
    return f"worst day costs {money(-saved)} more ({day_text(day)})"
