"""`meter plans ACCOUNT`: the plans of an account as they stand, in the order in which they are drawn on."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from meter.cli.narrow import show
from schemas.plurals import counted

if TYPE_CHECKING:
    from rich.table import Table

    from meter.settings import Settings
    from schemas.plans import Plan

#: Columns of piped tables, so that no line is broken.
PIPED_WIDTH = 180
#: Workspaces of a list that are named in the table; `--json` has all.
NAMED = 20


def register(app: typer.Typer) -> None:
    """Add `meter plans`."""
    app.command()(plans)


def plans(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="The billing account.")],
    json: Annotated[bool, typer.Option("--json", help="JSON lines: the records as published.")] = False,
) -> None:
    """Show the plans of an account: packages, lists in priority order, traffic packages, first and last day.

    Plans in force come first, in the order in which usage of today draws on them; then those that are still to begin,
    then those that expired.
    """
    from meter.cli.asking import looked_up, unattended
    from meter.errors import UserError
    from meter.kafka.rights import of_command
    from meter.settings import Settings
    from schemas.ids import check_id

    try:
        check_id(account)
    except ValueError as error:
        raise UserError(f"{error}; ACCOUNT says whose plans to show") from None
    settings = Settings.load()
    looked_up(settings, "plans", of_command(settings, "plans"), lambda: shown(settings, account, json))
    unattended(settings)


async def shown(settings: "Settings", account: str, json: bool) -> None:
    """Print the plans."""
    import time

    from rich.console import Console

    from agents.journal.opening import OpeningRefused, opening_of
    from meter.commands.account_state import plans_of
    from meter.rules.billing_days import zone

    found = await plans_of(settings, account)
    try:
        time_zone = (await opening_of(settings)).time_zone
    except OpeningRefused:  # the journal's beginning is gone; it began with the setting, or workers would refuse
        time_zone = settings.billing_time_zone
    today = zone(time_zone).day_of(time.time_ns() // 1000)
    ordered = in_order(found, today)
    if json:
        for plan in ordered:
            typer.echo(plan.json_bytes())
        return
    if not ordered:
        typer.echo(f"account {account} has no plans")
        return
    console = Console()
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    show(console, table(ordered, today, f"{account} on {day_of(today)} ({time_zone})"))


def in_order(found: "Iterable[Plan]", today: int) -> "list[Plan]":
    """Plans in force in the order of allocation, then those to come, then those that expired."""
    from meter.commands.account_state import plan_row
    from meter.rules.plans import allocation_order, in_force

    def place(plan: "Plan") -> tuple[int, tuple[int, int, int, str]]:
        row = plan_row(plan)
        if in_force(row, today):
            return 0, allocation_order(row, today)
        return (1 if today < row.first_day else 2), (row.first_day, row.last_day, 0, row.plan_id)

    return sorted(found, key=place)


def table(ordered: "Sequence[Plan]", today: int, caption: str) -> "Table":
    """A row for each plan, a line for each entry of its history; what expired is dim."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    found = Table(box=SIMPLE_HEAD, pad_edge=False, caption=caption, caption_justify="left")
    found.add_column("Plan", overflow="fold")
    found.add_column("First and last day", no_wrap=True)
    found.add_column("State", no_wrap=True)
    for name in ("Package", "Workspaces in priority order", "Traffic packages a day"):
        found.add_column(name, overflow="fold")
    for plan in ordered:
        state = state_of(plan, today)
        packages = (f"{each.plan} from {each.from_}" for each in plan.packages)
        lists = (f"{names(each.workspaces)} from {each.from_}" for each in plan.lists)
        traffic = (
            f"{each.item} {each.units:,} × {each.capacity:,} at {each.discount:f}, {each.from_} to {each.through}"
            for each in plan.traffic
        )
        days = f"{plan.first_day}\n{plan.last_day}"
        style = "dim" if state == "expired" else ""
        found.add_row(plan.plan_id, days, state, *map("\n".join, (packages, lists, traffic)), style=style)
    return found


def state_of(plan: "Plan", today: int) -> str:
    """Whether the plan is in force today, and for how long, this day included."""
    from meter.commands.account_state import plan_row

    row = plan_row(plan)
    if today > row.last_day:
        return "expired"
    if today < row.first_day:
        return f"begins in {days(row.first_day - today)}"
    return f"in force, {days(row.last_day - today + 1)} left"


def days(count: int) -> str:
    """So many days."""
    return counted(count, "day")


def names(workspaces: "Sequence[str]") -> str:
    """A list of workspaces, cut where it is long."""
    more = len(workspaces) - NAMED
    return ", ".join(workspaces[:NAMED]) + (f" and {more:,} more" if more > 0 else "")


def day_of(today: int) -> str:
    """The day as text."""
    from meter.rules.billing_days import day_text

    return day_text(today)
