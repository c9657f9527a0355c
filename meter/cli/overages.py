"""`meter overages`: prints present overages, and with `--follow` their changes."""

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from meter.cli.narrow import show
from schemas.plurals import counted

if TYPE_CHECKING:
    from rich.table import Table

    from meter.kafka.output_reader import Latest, OutputReader
    from meter.settings import Settings
    from schemas.overages import Overage

#: Columns of piped tables, so that no line is broken.
PIPED_WIDTH = 160


def register(app: typer.Typer) -> None:
    """Add `meter overages`."""
    app.command()(overages)


def overages(
    account: Annotated[str | None, typer.Option(help="Only this account's.")] = None,
    day: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="Only this billing day's.")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with every change, until Ctrl-C.")] = False,
    json: Annotated[bool, typer.Option("--json", help="JSON lines: the records as published.")] = False,
) -> None:
    """Show the overages as they stand: of every workspace, item and day the figures of the highest revision."""
    from meter.cli.asking import answered, looked_up, unattended
    from meter.errors import UserError
    from meter.kafka.rights import of_command
    from meter.settings import Settings
    from schemas.days import check_day
    from schemas.ids import check_id

    try:
        wanted = (account and check_id(account), day and check_day(day))
    except ValueError as error:
        raise UserError(f"{error}; --account and --day say which overages to show") from None
    settings = Settings.load()
    rights = of_command(settings, "overages")
    try:
        if follow:  # what was shown is not shown again
            answered(settings, "overages", rights, shown(settings, wanted, follow, json))
        else:
            looked_up(settings, "overages", rights, lambda: shown(settings, wanted, follow, json))
            unattended(settings)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


async def shown(settings: "Settings", wanted: tuple[str | None, str | None], follow: bool, json: bool) -> None:
    """Print present overages, then, with `follow`, every change."""
    from meter.kafka.output_reader import Latest, open_outputs
    from meter.kafka.topics import Topics

    latest: Latest[Overage] = Latest()
    async with open_outputs(settings, Topics.of(settings.topic_prefix).overages) as reader:
        async for record in reader.to_the_end():
            take(latest, record.value, wanted)
        tell(latest.records.values(), wanted, json)
        if follow:
            await tell_changes(reader, latest, wanted, json)


def take(latest: "Latest[Overage]", value: bytes, wanted: tuple[str | None, str | None]) -> "Overage | None":
    """The record in `value`, if it is wanted and news."""
    from pydantic import ValidationError

    from meter.errors import UserError
    from schemas.overages import Overage
    from schemas.record import problem

    try:
        record = Overage.model_validate_json(value)
    except ValidationError as wrong:
        raise UserError(f"overages holds an invalid record: {problem(wrong)}; who else writes there?") from None
    account, day = wanted
    if account not in (None, record.account) or day not in (None, record.day):
        return None
    return latest.take(record)


def tell(records: "Iterable[Overage]", wanted: tuple[str | None, str | None], json: bool) -> None:
    """Print present overages, by account and day."""
    from rich.console import Console

    ordered = sorted(records, key=lambda each: (each.account, each.day, each.item, each.workspace))
    if json:
        for record in ordered:
            typer.echo(record.json_bytes())
        return
    if not ordered:
        account, day = wanted
        collected = [f"of account {account}" if account else "", f"on {day}" if day else ""]
        typer.echo(" ".join(["no overages", *filter(None, collected)]))
        return
    console = Console()
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    show(console, table(ordered))


def table(records: "list[Overage]") -> "Table":
    """Present overages as a table; rows with overage 0 are dim."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from schemas.money import money_text

    found = Table(box=SIMPLE_HEAD, pad_edge=False, caption=summary(records), caption_justify="left")
    for name in ("Account", "Day", "Item", "Workspace"):
        found.add_column(name, overflow="fold")
    for name in ("Usage", "Covered", "Over", "Charge"):
        found.add_column(name, justify="right", no_wrap=True)
    for each in records:
        figures = (f"{figure:,}" for figure in (each.usage, each.covered, each.overage))
        charge = f"{money_text(each.charge.amount)} {each.charge.currency}"
        style = "" if each.overage or each.charge.amount else "dim"
        found.add_row(each.account, each.day, each.item, each.workspace, *figures, charge, style=style)
    return found


def summary(records: "list[Overage]") -> str:
    """Their number and exact total charge, by currency."""
    from schemas.money import money_text

    sums: dict[str, Decimal] = {}
    for each in records:
        sums[each.charge.currency] = sums.get(each.charge.currency, Decimal(0)) + each.charge.amount
    charges = " + ".join(f"{money_text(amount)} {currency}" for currency, amount in sorted(sums.items()))
    return f"{counted(len(records), 'figure')}, charges {charges}"


async def tell_changes(
    reader: "OutputReader", latest: "Latest[Overage]", wanted: tuple[str | None, str | None], json: bool
) -> None:
    """Print every change, a line each, for ever."""
    async for record in reader.follow():
        change = take(latest, record.value, wanted)
        if change is not None:
            typer.echo(change.json_bytes() if json else sentence(change))


def sentence(change: "Overage") -> str:
    """One change as a line."""
    from schemas.money import money_text

    who = ", ".join(change.cause.orders or change.cause.workspaces)
    return (
        f"{change.account} {change.day} {change.item} {change.workspace}: "
        f"over {change.overage:,} ({change.delta:+,}) of {change.usage:,}, "
        f"{money_text(change.charge.amount)} {change.charge.currency}; "
        f"{change.cause.kind} of {who}, revision {change.revision}"
    )
