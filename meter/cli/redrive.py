"""`meter redrive`: dead letters go back to the input topics they came from, once what was wrong is mended."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from meter.cli import narrow
from schemas.plurals import counted

if TYPE_CHECKING:
    from rich.table import Table

    from meter.commands.redrive import Plan
    from schemas.reasons import DeadReason


#: Columns of piped tables, so that no line is broken.
PIPED_WIDTH = 160


def register(app: typer.Typer) -> None:
    """Add `meter redrive`."""
    app.command()(redrive)


def redrive(
    reason: Annotated[
        list[str] | None,
        typer.Option("--reason", metavar="REASON", help="Only letters of this reason; may be repeated."),
    ] = None,
    send: Annotated[bool, typer.Option("--send", help="Send them; without it, only show what would be sent.")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Also those that were sent again before, and those that died again.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="A line for each letter.")] = False,
) -> None:
    """Send dead letters again, to the input topics they came from; first show what would be sent.

    A record goes with its key and its headers; one that the letter holds only the beginning of, and those that a letter
    sums up, are read from where they stood, and their SHA-256 compared. Records of the same content go once. A letter
    is sent again once: `meter.control` keeps note of it.
    """
    from meter.cli.asking import answered, looked_up
    from meter.commands import redrive_plan as redriving
    from meter.kafka.rights import of_command, to_redrive
    from meter.settings import Settings

    settings, reasons = Settings.load(), chosen(reason or [])
    rights = of_command(settings, "redrive")
    run = looked_up(settings, "redrive", rights, lambda: redriving.plan_of(settings, reasons, again))
    plan = run.plan
    show(plan, verbose)
    count = plan.records
    if not count:
        typer.echo("nothing to send")
    elif not send:
        typer.echo(f"{records(count)} would be sent; `meter redrive --send` sends them")
    else:
        rights = to_redrive(settings, {made.topic for made in plan.send} | {each.topic for each, _ in plan.summaries})
        sent = answered(settings, "redrive --send", rights, redriving.send(settings, run, reasons, lambda _: None))
        typer.echo(f"{records(sent)} sent again, every one acknowledged")
    if more := left_to_the_next(plan):
        typer.echo(f"{records(more)} more {'is' if more == 1 else 'are'} left to the next run")


def records(count: int) -> str:
    """So many records."""
    return counted(count, "record")


def chosen(names: list[str]) -> "list[DeadReason]":
    """The reasons with these names; UserError for an unknown one."""
    from meter.errors import UserError
    from schemas.reasons import DeadReason

    unknown = [name for name in names if name not in list(DeadReason)]
    if unknown:
        raise UserError(f"no reason {', '.join(unknown)}; one of: {', '.join(DeadReason)}")
    return [DeadReason(name) for name in names]


def show(plan: "Plan", verbose: bool) -> None:
    """The table of reasons and topics, and by name what cannot be sent."""
    from rich.console import Console

    from meter.commands.redrive import Left

    table = table_of(totals(plan))
    if table.row_count:
        console = Console()
        if not console.is_terminal:
            console.width = PIPED_WIDTH
        narrow.show(console, table)
    if verbose:
        for made in plan.send:
            typer.echo(f"send {made.letter.record_key()}: {made.letter.reason}: {made.letter.error}")
        for letter, count in plan.summaries:
            typer.echo(f"send {count:,} of {letter.record_key()} to {letter.last_offset}: {letter.error}")
    for letter, left, error in plan.left:
        if left is Left.OTHER or verbose:
            typer.echo(f"{letter.record_key()} ({letter.reason}): {left.value}{': ' if error else ''}{error}")


def table_of(rows: Iterable[tuple[tuple[str, str, str], int]]) -> "Table":
    """A row for each reason, topic and action."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in ("Reason", "Topic", "To do"):
        table.add_column(column)
    table.add_column("Records", justify="right")
    for (why, topic, what), count in rows:
        table.add_row(Text(why), Text(topic), what, f"{count:,}")
    return table


def totals(plan: "Plan") -> list[tuple[tuple[str, str, str], int]]:
    """How many records of a reason and a topic are sent, or left, in order."""
    from collections import Counter

    counts = Counter((made.letter.reason.value, made.letter.topic, "send") for made in plan.send)
    for letter, count in plan.summaries:
        counts[letter.reason.value, letter.topic, "send"] += count
    counts.update({(reason, topic, left.value): count for (reason, topic, left), count in plan.left_out.items()})
    return sorted(counts.items())


def left_to_the_next(plan: "Plan") -> int:
    """How many records a run has no room for."""
    from meter.commands.redrive import Left

    return sum(count for (_, _, left), count in plan.left_out.items() if left is Left.NEXT_RUN)
