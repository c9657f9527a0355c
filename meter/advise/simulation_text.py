"""A simulation as text of 80 columns."""

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from meter.advise.changes import order_lines
from meter.advise.savings import cents
from meter.advise.sentences import money, names, percent, title
from meter.advise.text import Row, columns, head, paragraph, signed, spread
from meter.rules.billing_days import day_text

if TYPE_CHECKING:
    from meter.advise.simulation import Simulation

#: Workspaces and items of which the shift is shown, the largest first.
SHOWN = 12
ZERO = Decimal(0)


def text(simulation: "Simulation", restatable: int) -> Iterator[str]:
    """The whole of it, line by line."""
    yield from head(simulation.history, simulation.check, restatable)
    if not simulation.changes:
        yield from paragraph(
            "No change is named, so this is only the check; `meter simulate --help` lists the changes."
        )
        return
    yield ""
    yield from paragraph(f"{title(simulation.changes)}, as if on all of these days; amounts a day, packages pro rata")
    yield from columns(list(_sums(simulation)), left=1)
    yield ""
    yield from paragraph(verdict(simulation))
    for name, before, after in (
        ("workspace", simulation.was.outcome.by_workspace, simulation.then.outcome.by_workspace),
        ("item", simulation.was.outcome.over_by_item, simulation.then.outcome.over_by_item),
    ):
        yield from _shift(name, before, after, len(simulation.saved))
    idle = simulation.without_usage()
    if idle:
        yield ""
        yield from paragraph(f"No usage to charge on these days: {names(idle)}.")
    yield ""
    now = money(simulation.price.now) if simulation.price.now else "nothing"
    yield from paragraph(f"Ordered today, it costs {now}. To order it:")
    for line in order_lines(simulation.history.account, simulation.changes):
        yield f"   {line}"


def _sums(simulation: "Simulation") -> Iterator[Row]:
    yield ("", "as it was", "changed", "difference")
    was, then = simulation.was, simulation.then
    for name, before, after in (
        ("packages", was.packages_a_day, then.packages_a_day),
        ("over", was.overage_a_day, then.overage_a_day),
        ("together", was.cost_a_day, then.cost_a_day),
    ):
        yield (name, money(before), money(after), signed(after - before))
    yield ("covered", percent(was.outcome.coverage), percent(then.outcome.coverage), "")
    unused = was.outcome.unused / len(was.paid), then.outcome.unused / len(then.paid)
    yield ("quota unused", *map(money, unused), signed(unused[1] - unused[0]))


def verdict(simulation: "Simulation") -> str:
    """What the changes save, how surely, and where they do worst."""
    saved, days = simulation.saved, simulation.history.days
    worst, day = min(zip(saved, (each.day for each in days), strict=True))
    wins = f"cheaper on {sum(each > 0 for each in saved)} of {len(saved)} days"
    worst_day = f"worst day {day_text(day)}: {signed(-worst)}"
    if simulation.only_order:
        moved = money(abs(simulation.was.outcome.total - simulation.then.outcome.total))
        if len(simulation.history.plans) == 1:
            return (
                "Only the order of the list changes. That moves overage between workspaces (see below), not its total "
                f"(cutting to 0.01 unit changes it by {moved} in all)."
            )
        return (
            "Only the order of lists changes. That moves overage between workspaces (see below). Its total over all "
            f"days moves by {moved}, which several plans with different lists can do (SPEC §4, W8)."
        )
    if simulation.saving is None:
        mean = cents(sum(saved, ZERO) / len(saved))
        return f"Saves {money(mean)} a day, {wins}; {worst_day}. With fewer than 14 days no range is given."
    sentence = spread(simulation.saving, len(saved))
    return f"{sentence[:1].upper()}{sentence[1:]}, {wins}; {worst_day}."


def _shift(name: str, before: dict[str, Decimal], after: dict[str, Decimal], days: int) -> Iterator[str]:
    """Workspaces or items whose charges a day differ."""
    moved = {each: after.get(each, ZERO) - before.get(each, ZERO) for each in {*before, *after}}
    order = sorted((each for each in moved if cents(moved[each] / days)), key=lambda each: (-abs(moved[each]), each))
    if not order:
        return
    rows: list[Row] = [(f"charged, by {name}", "as it was", "changed", "difference")]
    for each in order[:SHOWN]:
        figures = (
            money(before.get(each, ZERO) / days),
            money(after.get(each, ZERO) / days),
            signed(moved[each] / days),
        )
        rows.append((each, *figures))
    yield ""
    yield from columns(rows, left=1)
    if len(order) > SHOWN:
        yield f"and {len(order) - SHOWN} more"
