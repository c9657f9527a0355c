"""Advice and simulations as text of 80 columns; only commands, which are copied, may be longer."""

import re
from collections.abc import Iterator
from decimal import Decimal
from textwrap import wrap
from typing import TYPE_CHECKING

from meter.advise.changes import order_lines
from meter.advise.savings import widened_by
from meter.advise.sentences import grows, holds, money, percent, rule, title, why, worst_day
from meter.rules.billing_days import day_text
from schemas.money import price_text
from schemas.plurals import counted

if TYPE_CHECKING:
    from meter.advise.advice import Advice, Table
    from meter.advise.alternatives import Alternative
    from meter.advise.check import Check
    from meter.advise.history import History
    from meter.advise.savings import Saving

WIDTH = 80
#: Points of a cost curve that are shown; fewer than two are no curve.
LEAST_POINTS, MOST_POINTS = 2, 10
#: Alternatives that are explained below the table; and how many the table has beside those that save.
EXPLAINED = 3
FOR_COMPARISON = 2
UNBROKEN = "\u00a0"
Row = tuple[str, ...]
HEAD: Row = ("", "alternative", "pays today", "packages", "over", "saves", "wins")


def text(advice: "Advice", restatable: int) -> Iterator[str]:
    """The whole of it, line by line."""
    history = advice.history
    yield from head(history, advice.check, restatable)
    yield from paragraph(assumed(advice))
    for plan_id, last, left in advice.ending()[:EXPLAINED]:
        days = f"{counted(left, 'day')} left with today"
        yield from paragraph(f"Plan {plan_id} ends on {day_text(last)} ({days}): advice from today holds until then.")
    yield ""
    yield "From today (plans already paid cost nothing more); amounts a day"
    yield from _table(advice, advice.from_today, "stay")
    yield from paragraph(_curve(advice))
    good = [each for each in advice.from_today.alternatives if each.saving.mean > 0 or advice.coverage is not None]
    for number, each in enumerate(good[:EXPLAINED], 1):
        yield ""
        yield from _explained(number, advice, each)
    if not good:
        yield ""
        yield from paragraph(nothing(advice))
    yield from _rules(advice)
    yield ""
    yield "In hindsight (everything pro rata, as if bought for these days); amounts a day"
    yield from _table(advice, advice.hindsight, "as it was")
    yield from paragraph(looking_back(advice))
    yield ""
    yield from paragraph(f"Searched from today: {advice.from_today.searched.sentence()}.")


def head(history: "History", check: "Check", restatable: int) -> Iterator[str]:
    """Which days, and the check."""
    first, last = day_text(history.days[0].day), day_text(history.days[-1].day)
    may = f", {restatable} may still change" if restatable else ""
    yield from paragraph(
        f"{history.account}: {len(history.days)} closed days, {first} to {last}{may}, in {history.currency}."
    )
    yield from paragraph(f"Check: {check.sentence()}.")
    for day, reason in [*history.left_out.items()][:EXPLAINED]:
        yield from paragraph(f"Left out: {day_text(day)}: {reason}.")
    if len(history.left_out) > EXPLAINED:
        yield f"Left out: {len(history.left_out) - EXPLAINED} more days."


def paragraph(sentence: str, indent: str = "") -> list[str]:
    """A sentence, wrapped."""
    whole = re.sub(r"(\d) ([%·])", rf"\1{UNBROKEN}\2", sentence)
    lines = wrap(whole, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
    return [line.replace(UNBROKEN, " ") for line in lines]


def assumed(advice: "Advice") -> str:
    """Which discounts and what target the search took."""
    apart = sorted({(discount, item) for item, discount in advice.discounts.items() if discount != 1})
    if not apart:
        traffic = "Traffic packages without discount never save: they cost what they cover (--discount D)."
    elif len({discount for discount, _ in apart}) == 1 and len(apart) == len(advice.discounts):
        traffic = f"Traffic packages at discount {price_text(apart[0][0])}."
    else:
        latest = ", ".join(f"{item} {price_text(discount)}" for discount, item in apart)
        traffic = f"Traffic packages at the account's latest discounts: {latest}; others 1 (--discount D)."
    if advice.coverage is None:
        return traffic
    return f"Target: {percent(advice.coverage)} of usage inside quota, by value. {traffic}"


def nothing(advice: "Advice") -> str:
    """Why nothing is advised."""
    if advice.coverage is not None:
        return (
            f"No portfolio reaches {percent(advice.coverage)}: some items have neither a package nor traffic packages."
        )
    return "Staying costs least: no portfolio, list or traffic package would have cost less on these days."


def _table(advice: "Advice", table: "Table", base: str) -> Iterator[str]:
    """The base and its alternatives; what is paid today is left out where nothing can be ordered any more."""
    figures = (money(table.base.price.a_day), money(table.base.overage_a_day))
    rows = [HEAD, ("", base, "", *figures, "", "")]
    better = [each for each in table.alternatives if each.saving.mean > 0 or advice.coverage is not None]
    others = [each for each in table.alternatives if each not in better][:FOR_COMPARISON]
    rows += [_row(str(number), each) for number, each in enumerate([*better, *others], 1)]
    if table is advice.hindsight:
        rows = [(*row[:2], *row[3:]) for row in rows]
    yield from columns(rows, left=2)


def _row(number: str, each: "Alternative") -> Row:
    wins = f"{each.wins}/{len(each.saved)}"
    now = money(each.price.now) if each.price.now else "0"
    figures = (now, money(each.price.a_day), money(each.overage_a_day), money(each.saving.mean), wins)
    return (number, title(each.changes) if each.changes else "no plan", *figures)


def _rules(advice: "Advice") -> Iterator[str]:
    """How far the rule without a forecast is, package by package."""
    if not advice.rules:
        return
    yield ""
    yield from paragraph(rule_head(advice.rules[0].looks_back))
    for each in advice.rules[:MOST_POINTS]:
        yield from paragraph(f"{each.package}: {rule(each)}", "   ")


def rule_head(looks_back: int) -> str:
    """The rule itself."""
    return (
        "Without a forecast (online rule of 2013): buy one more once it would have covered charges of its own price "
        f"in the last {looks_back} days. With one kind of package, that costs at most twice the best in hindsight."
    )


def looking_back(advice: "Advice") -> str:
    """What was paid for usage, and how much less the best in hindsight is; "" where there is nothing to say."""
    base = advice.hindsight.base
    share = base.outcome.effective_price(base.cost_a_day * len(advice.history.days))
    if share is None:
        return ""
    paid = f"As it was, the account paid {percent(share)} of what its usage costs without plans"
    if advice.coverage is not None or not advice.regret_a_day:
        return f"{paid}."
    return f"{paid}; the cheapest choice in hindsight costs {money(advice.regret_a_day)} a day less (regret)."


def _curve(advice: "Advice") -> str:
    """The cost curve: what a day costs with so many of one package, each with its best list and traffic packages."""
    name, points = max(advice.cost_curves().items(), key=lambda each: (len(each[1]), each[0]), default=("", {}))
    if len(points) < LEAST_POINTS:
        return ""
    shown = [*points.items()][:MOST_POINTS]
    return (
        f"Cost a day by number of {name} bought: "
        + " · ".join(f"{count}: {money(cost)}" for count, cost in shown)
        + "."
    )


def columns(rows: list[Row], left: int) -> Iterator[str]:
    """Rows in columns, the first `left` to the left; the second takes what the width leaves."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    widths[1] = min(widths[1], WIDTH - sum(widths) + widths[1] - 2 * (len(widths) - 1))
    for number, row in enumerate(rows):
        cells = [
            fitted(cell, width) if place < left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
        if number == 0:
            yield "  ".join("─" * width if width else "" for width in widths)


def fitted(cell: str, width: int) -> str:
    """A cell to the left, cut where it is too long."""
    return cell.ljust(width) if len(cell) <= width else f"{cell[: width - 1]}…"


def _explained(number: int, advice: "Advice", each: "Alternative") -> Iterator[str]:
    """An alternative with its range, its bounds, its reasons and its orders."""
    days, base = advice.history.days, advice.from_today.base
    used = each.outcome.utilisation
    yield from paragraph(
        f"{number}  {title(each.changes)}: {spread(each.saving, len(days))}, on {each.wins} of {len(days)} days."
    )
    share = (
        ""
        if used is None
        else f", uses {percent(used)} of its quota ({money(each.outcome.unused / len(days))} a day unused)"
    )
    for sentence in (
        f"{capital(holds(each))}; {worst_day(each, [day.day for day in days])}.",
        f"{capital(grows(each))}.",
        f"Covers {percent(each.outcome.coverage)} of usage by value{share}.",
        f"Why: {why(each, base)}.",
    ):
        yield from paragraph(sentence, "   ")
    for line in order_lines(advice.history.account, each.changes):
        yield f"   {line}"


def spread(saving: "Saving", days: int) -> str:
    """The range of a saving."""
    wider = widened_by(days)
    said = f", widened ×{wider:.2f} for {days} days" if wider > 1 else ""
    less = f"saves {money(saving.mean)} a day" if saving.mean >= 0 else f"costs {money(-saving.mean)} a day more"
    return (
        f"{less}, {money(saving.p10)} · {money(saving.median)} · {money(saving.p90)} (P10 · median · P90 saved{said})"
    )


def capital(sentence: str) -> str:
    """With a capital letter."""
    return sentence[:1].upper() + sentence[1:]


def signed(amount: Decimal) -> str:
    """Money with its sign."""
    return ("+" if amount > 0 else "") + money(amount)
