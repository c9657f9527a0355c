"""An explanation as lines of text: the sentence first, then each rung with its numbers."""

import textwrap
from collections.abc import Iterator
from datetime import datetime

from meter.explain.change_model import Drivers, WhatWouldChangeIt
from meter.explain.figure_model import PlanDraw
from meter.explain.model import Change, Explanation, RecordFate, Source
from meter.explain.words import short, signed
from schemas.ids import shown
from schemas.plurals import counted

USAGE, PLANS, CHARGE, HISTORY = "Usage", "Plans, in drawing order", "Charge", "History, newest first"
CHANGE, SOURCES, DRIVERS, NOTES = "What would change it", "Sources", "Why it differs", "Notes"
HEADINGS = frozenset({USAGE, PLANS, CHARGE, HISTORY, CHANGE, SOURCES, DRIVERS, NOTES})
#: Lines of a rung; `--json` has all.
LINES = 10
FEW = 5
#: Columns of quantities, signs and separators included.
NUMBER = 18
#: The text of a driver that did not change.
SAME = "the same"
STATES = {
    "open": "the day is open",
    "closed": "the day is closed, late usage may restate it until {}",
    "final": "final since {}",
}


def text(found: Explanation | RecordFate, width: int) -> Iterator[str]:
    """The answer, line by line; nothing is wider than `width` but ids that are."""
    if isinstance(found, RecordFate):
        yield from _wrapped(found.sentence, width)
        return
    yield from _wrapped(found.sentence, width)
    yield ""
    yield from _wrapped(_about(found), width)
    parts = (
        (USAGE, _usage(found, width)),
        (PLANS, (line for plan in found.plans for line in _plan(plan, found.workspace))),
        (CHARGE, _charge(found)),
        (DRIVERS, _drivers(found.drivers, found.currency, width) if found.drivers else ()),
        (CHANGE, _change(found.what_would_change_it, found, width)),
        (HISTORY, _history(found, width)),
        (SOURCES, _sources(found, width)),
        (NOTES, (line for note in found.notes for line in _wrapped(note, width, "  "))),
    )
    for heading, lines in parts:
        whole = list(lines)
        if whole:
            yield from ("", heading, *whole)


def _about(found: Explanation) -> str:
    published = f"revision {found.revision}" if found.revision else "never over, so nothing is published under this key"
    state = STATES[found.state].format(found.changes_until)
    restated = ", restated" if found.restated else ""
    return f"{found.account}, {found.day} in {found.time_zone}: {state}; {published}{restated}"


def _row(what: str, quantity: int) -> str:
    number = f"{quantity:,}".replace("-", "−")
    return f"  {what:<42}{number:>{NUMBER}}"


def _usage(found: Explanation, width: int) -> Iterator[str]:
    usage = found.usage
    for each in usage.reported or ():
        days = counted(each.retention_days, "day") if each.retention_days else "reported"
        if each.total is not None and each.total < 0:
            yield _row(f"{days}: sum of reports and corrections", each.total)
            days = f"{days}: counted as"
        times = f" × {each.factor}" if each.factor != 1 else ""
        yield _row(f"{days}{f' {each.quantity:,}{times}' if times else ''}", each.converted)
    if usage.reported_reason:
        yield from _wrapped(usage.reported_reason, width, "  ")
    if usage.report is not None:
        report = usage.report
        kind = "correction" if report.corrected else "highest report"
        sender = f"{kind} of {_time(report.time)} by {shown(report.source)}, id {shown(report.id)}"
        yield from _wrapped(sender, width, "  ", 4)
        yield f"  {report.topic}/{report.partition} offset {report.offset}"
    if usage.reported is None or len(usage.reported) != 1 or usage.reported[0].factor != 1:
        yield _row("usage", usage.converted)


def _plan(plan: PlanDraw, workspace: str) -> Iterator[str]:
    place = f"place {plan.place} of {plan.listed}"
    yield f"  {plan.plan_id}: {place}; {plan.first_day} to {plan.last_day}"
    yield _row(f"  package {plan.quota.package.plan}", plan.quota.package.quota)
    for line in plan.quota.traffic:
        yield _row(f"  traffic {line.units:,} × {line.capacity:,}", line.quota)
    for draw in plan.drawn_before[:LINES]:
        yield _row(f"  goes to {draw.workspace} first", -draw.drawn)
    rest = plan.drawn_before[LINES:]
    if rest:
        yield _row(f"  goes to {len(rest):,} more workspaces first", -sum(draw.drawn for draw in rest))
    yield _row(f"  left for {workspace}", plan.left_before)
    yield _row("  covered", plan.covered)


def _charge(found: Explanation) -> Iterator[str]:
    if found.plans:
        yield _row("over: usage minus covered", found.overage)
    for line in found.charge.lines:
        days = f"{counted(line.retention_days, 'day')}: " if line.retention_days else ""
        cut = f" (cut {line.cut:,})" if line.cut else ""
        yield f"  {days}{line.quantity:,} ÷ {line.unit:,} = {line.units}{cut} × {line.price} = {line.amount}"
    basis = {"package": "by package", "pay_as_you_go": "by usage", "free": "a free day"}[found.charge.basis]
    yield f"  {found.charge.amount} {found.charge.currency}, {basis}"


def _drivers(found: Drivers, currency: str, width: int) -> Iterator[str]:
    before, after = found.before, found.after
    sides = [f"{side.day}, revision {side.revision}" for side in (before, after)]
    yield f"  {sides[0]}: over {short(before.overage)}, {before.amount} {currency}"
    yield f"  {sides[1]}: over {short(after.overage)}, {after.amount} {currency}"
    for step in found.steps:
        name = step.driver.replace("_", " ")
        yield f"  {name:<18}{signed(step.units):>16}{_signed(step.amount):>16}"
        if step.sentence != SAME:
            yield from _wrapped(step.sentence, width, "    ")
    yield f"  {'together':<18}{signed(found.units):>16}{_signed(found.amount):>16}"


def _signed(amount: str) -> str:
    return f"−{amount[1:]}" if amount.startswith("-") else f"+{amount}" if amount.strip("0.") else amount


def _change(found: WhatWouldChangeIt, explained: Explanation, width: int) -> Iterator[str]:
    if found.traffic is not None:
        units = counted(found.traffic.units, "more traffic package")
        line = f"{units} of {explained.item} for {found.traffic.plan_id}: nothing over"
        price = f"{found.traffic.price_a_day} {explained.currency} a day without discount"
        yield from _wrapped(f"{line} ({price})", width, "  ")
    for place in found.place:
        if explained.overage and place.place > 1:
            over = f"{short(place.overage_if_first)} over" if place.overage_if_first else "nothing over"
            yield from _wrapped(
                f"first in the list of {place.plan_id} instead of place {place.place}: {over}", width, "  "
            )
    if explained.overage:
        yield from _before(found)
    for listing in found.listing[:LINES]:
        costs = f"{listing.amount} {explained.currency} instead of {explained.charge.amount}"
        over = f"{short(listing.covered)} covered, {short(listing.overage)} over"
        yield from _wrapped(f"last in the list of {listing.plan_id}: {over}, {costs}", width, "  ")


def _before(found: WhatWouldChangeIt) -> Iterator[str]:
    """The workspaces before it that drew most."""
    before = sorted((each for each in found.usage_before if each.drawn), key=lambda one: -one.drawn)
    if before:
        yield "  less usage by workspaces before it (what each used, then what it drew):"
    for each in before[:FEW]:
        yield f"    {f'{each.workspace} from {each.plan_id}':<40}{each.usage:>{NUMBER},}{each.drawn:>{NUMBER},}"
    if len(before) > FEW:
        yield f"    and {len(before) - FEW:,} more"


def _history(found: Explanation, width: int) -> Iterator[str]:
    newest = found.history[::-1]
    for change in newest[:LINES]:
        cause, _, effect = change.sentence.partition(": ")
        yield from _wrapped(f"{_when(change.time, found.day)}  {_revision(change)}: {effect}", width, "  ", 4)
        yield from _wrapped(cause, width, "    ")
    if len(newest) > LINES:
        yield f"  … {len(newest) - LINES:,} more, with --json"
    if found.history_reason:
        yield from _wrapped(found.history_reason, width, "  ")


def _revision(change: Change) -> str:
    return f"revision {change.revision}{' restated' if change.restated else ''}"


def _sources(found: Explanation, width: int) -> Iterator[str]:
    if found.sources is None:
        yield from _wrapped(f"not known: {found.sources_reason}", width, "  ")
        return
    if not found.sources:
        yield "  no record of this workspace, item and day"
    for source in found.sources[:LINES]:
        yield from _wrapped(_source(source), width, "  ", 4)
    if len(found.sources) > LINES:
        yield f"  … {len(found.sources) - LINES:,} more source partitions, with --json"
    for letter in found.dead_letters[:LINES]:
        yield f"  dead: {letter.topic}/{letter.partition} offset {letter.offset}, {letter.reason}"


def _source(source: Source) -> str:
    first, last = source.ranges[0][0], source.ranges[-1][1]
    where = f"offset {first}" if first == last else f"offsets {first} to {last}"
    if len(source.ranges) > 1:
        where += f" in {len(source.ranges)} ranges"
    fates = [("counted", source.counted), ("duplicate", source.duplicate), ("dead", source.dead)]
    found = ", ".join(f"{number:,} {fate}" for fate, number in fates if number)
    return f"{source.topic}/{source.partition} {where}: {counted(source.records, 'record')}, {found}"


def _time(text: str) -> str:
    """A time of the answer, to the second, without the offset, which the heading shows."""
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M:%S")


def _when(text: str, day: str) -> str:
    """A time, without its date where that is the day's."""
    return _time(text).removeprefix(f"{day} ")


def _wrapped(line: str, width: int, indent: str = "", deeper: int = 0) -> list[str]:
    return textwrap.wrap(
        line,
        width,
        initial_indent=indent,
        subsequent_indent=indent + " " * deeper,
        break_long_words=False,
        break_on_hyphens=False,
    )
