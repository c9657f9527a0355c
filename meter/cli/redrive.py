"""`meter redrive`: dead letters go back to the input topics they came from, once what was wrong is mended."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from meter.cli import narrow
from schemas.plurals import counted

if TYPE_CHECKING:
    from rich.table import Table

    from meter.commands.redrive import Headers, Plan
    from schemas.dead_letters import DeadLetter
    from schemas.reasons import DeadReason


#: Columns of piped tables, so that no line is broken.
PIPED_WIDTH = 160
SEND, MEND = "send", "mend at the sender"


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
    show(plan, verbose, send)
    count = plan.records
    if not count:
        typer.echo("nothing to send")
    elif not send:
        typer.echo("\n".join(advice(plan, verbose)))
    else:
        rights = to_redrive(settings, {made.topic for made in plan.send} | {each.topic for each, _ in plan.summaries})
        sent = answered(settings, "redrive --send", rights, redriving.send(settings, run, reasons, lambda _: None))
        typer.echo(f"{records(sent)} sent again, every one acknowledged")
    if more := left_to_the_next(plan):
        typer.echo(f"{records(more)} more {'is' if more == 1 else 'are'} left to the next run")


def records(count: int) -> str:
    """So many records."""
    return counted(count, "record")


def advice(plan: "Plan", verbose: bool) -> list[str]:
    """What to send, and what to mend instead."""
    from meter.commands.redrive import may_count

    counts = [(made.letter, 1) for made in plan.send] + plan.summaries
    worth = sum(count for letter, count in counts if may_count(letter))
    dying = plan.records - worth
    reasons = sorted({letter.reason.value for letter, _ in counts if may_count(letter)} if dying else ())
    options = "".join(f" --reason {reason}" for reason in reasons)
    lines = []
    if worth:
        it = "it" if worth == 1 else "them"
        lines.append(f"{records(worth)} would be sent; `meter redrive{options} --send` sends {it}")
    if dying:
        it, dies, are = ("it", "dies", "it is") if dying == 1 else ("them", "die", "they are")
        more = "" if verbose else f"; `-v` names {it}"
        lines.append(f"{records(dying)} {dies} again if {are} sent unchanged: mend {it} at the sender{more}")
    return lines


def chosen(names: list[str]) -> "list[DeadReason]":
    """The reasons with these names; UserError for an unknown one."""
    from meter.errors import UserError
    from schemas.reasons import DeadReason

    unknown = [name for name in names if name not in list(DeadReason)]
    if unknown:
        raise UserError(f"no reason {', '.join(unknown)}; one of: {', '.join(DeadReason)}")
    return [DeadReason(name) for name in names]


def show(plan: "Plan", verbose: bool, send: bool) -> None:
    """The table of reasons and topics, and by name what cannot be sent."""
    from rich.console import Console

    from meter.commands.redrive import Left

    table = table_of(totals(plan, send))
    if table.row_count:
        console = Console()
        if not console.is_terminal:
            console.width = PIPED_WIDTH
        narrow.show(console, table)
    if verbose:
        for made in plan.send:
            letter, name = made.letter, named(made.topic, made.value, made.headers)
            typer.echo(f"{verb(letter, send)} {letter.record_key()}{name}: {letter.reason}: {letter.error}")
        for letter, count in plan.summaries:
            typer.echo(
                f"{verb(letter, send)} {count:,} of {letter.record_key()} to {letter.last_offset}: {letter.error}"
            )
    for letter, left, error in plan.left:
        if left is Left.OTHER or verbose:
            name = named_letter(letter) if verbose else ""
            typer.echo(f"{letter.record_key()}{name} ({letter.reason}): {left.value}{': ' if error else ''}{error}")


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


def to_do(letter: "DeadLetter", send: bool) -> str:
    """What to do about the records of a letter; `send`: they are sent in any case."""
    from meter.commands.redrive import may_count

    return SEND if send or may_count(letter) else MEND


def verb(letter: "DeadLetter", send: bool) -> str:
    """How the line of a letter begins."""
    return to_do(letter, send).partition(" ")[0]


def named_letter(letter: "DeadLetter") -> str:
    """The name of the record in a letter."""
    from base64 import b64decode

    from meter.commands.redrive import headers_of

    return named(letter.topic, b64decode(letter.value or ""), headers_of(letter))


def named(topic: str, value: bytes, headers: "Headers") -> str:
    """Workspace or account, source and id of a record, in brackets; nothing where it cannot be read."""
    from meter.kafka.topics import OWN
    from schemas.ids import shown
    from schemas.record import NotJson, json_value

    fields: dict[str, object] = {"subject": topic.removeprefix(OWN)} if topic.startswith(OWN) else {}
    try:
        body = json_value(value)
    except NotJson:
        body = None
    fields |= body if isinstance(body, dict) else {}
    fields |= {name[3:]: text.decode(errors="replace") for name, text in headers if text and name.startswith("ce_")}
    words = {"workspace": "workspace", "subject": "workspace", "account": "account", "source": "source"}
    words |= {"id": "id", "order_id": "order"}
    found = [f"{word} {shown(fields[name])}" for name, word in words.items() if fields.get(name) is not None]
    return f" ({', '.join(found)})" if found else ""


def totals(plan: "Plan", send: bool = False) -> list[tuple[tuple[str, str, str], int]]:
    """How many records of a reason and a topic are sent, or left, in order."""
    from collections import Counter

    counts = Counter((made.letter.reason.value, made.letter.topic, to_do(made.letter, send)) for made in plan.send)
    for letter, count in plan.summaries:
        counts[letter.reason.value, letter.topic, to_do(letter, send)] += count
    counts.update({(reason, topic, left.value): count for (reason, topic, left), count in plan.left_out.items()})
    return sorted(counts.items())


def left_to_the_next(plan: "Plan") -> int:
    """How many records a run has no room for."""
    from meter.commands.redrive import Left

    return sum(count for (_, _, left), count in plan.left_out.items() if left is Left.NEXT_RUN)
