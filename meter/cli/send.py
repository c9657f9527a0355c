"""`meter send usage|workspaces|orders FILE`: JSON lines to an input topic, each acknowledged before it ends."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated, BinaryIO, NamedTuple

import typer

from schemas.plurals import counted

if TYPE_CHECKING:
    from rich.console import Console

    from agents.intake.line_check import LineCheck
    from meter.commands.send import Kind, Line, Problem
    from meter.settings import Settings

#: At most this many problems are shown; the others are counted.
PROBLEMS_SHOWN = 20


class What(StrEnum):
    """What the lines are."""

    USAGE = "usage"
    WORKSPACES = "workspaces"
    ORDERS = "orders"


def register(app: typer.Typer) -> None:
    """Add `meter send`."""
    app.command()(send)


def send(
    what: Annotated[What, typer.Argument(help="What the lines are; it decides the topic and the key.")],
    file: Annotated[str, typer.Argument(metavar="FILE", help="JSON lines, one record a line; `-` for stdin.")],
    check: Annotated[
        bool, typer.Option("--check", help="Send nothing unless every line could count: no dead letter comes of it.")
    ] = False,
) -> None:
    """Send JSON lines of a file or of stdin, and wait until Kafka has acknowledged every one.

    All lines are read before the first is sent: if one is no JSON object,
    its number is told and nothing is sent. What the meter makes of them
    stands on its output topics and in `dead-letters`.
    """
    import sys

    from rich.console import Console

    from meter.cli.asking import answered
    from meter.commands.send import KINDS, deliver
    from meter.kafka.rights import of_command
    from meter.settings import Settings

    settings = Settings.load()
    kind = KINDS[what.value]
    with opened(file) as content:
        total = checked(content, file, kind, checker(settings, what) if check else None)
        content.seek(0)
        console = Console(file=sys.stderr)
        with progress(console, what.value, total) as advance:
            say = partial(console.print, soft_wrap=True, highlight=False)
            command = f"send {what.value}"
            work = deliver(settings, kind, lines(content, kind), advance, say)
            sent = answered(settings, command, of_command(settings, command), work)
    typer.echo(f"{counted(sent, 'record')} sent to {what.value}, every one acknowledged")


@contextmanager
def opened(file: str) -> Iterator[BinaryIO]:
    """The file, such that it can be read twice: what cannot (stdin, a pipe) is copied first."""
    import shutil
    import sys

    from meter.errors import UserError

    if file == "-":
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(sys.stdin.buffer, copy)
            copy.seek(0)
            yield copy
        return
    try:
        source = open(file, "rb")  # noqa: SIM115 # closed below; the errors here are the file's, not its reader's
    except OSError as error:
        raise UserError(
            f"{file} cannot be read: {error.strerror}; name a file of JSON lines, or `-` for stdin"
        ) from None
    with source:
        if source.seekable():
            yield source
            return
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(source, copy)
            copy.seek(0)
            yield copy


class Checker(NamedTuple):
    """Checks each line, and then all of them against the topic `workspaces`."""

    line: "LineCheck"
    log: "Callable[[], list[Problem]]"


def checker(settings: "Settings", what: What) -> Checker:
    """What `--check` holds lines against."""
    from agents.intake.line_check import LineCheck, workspace_problems
    from meter.cli.asking import looked_up
    from meter.kafka.rights import of_command

    line, command = LineCheck(settings, what.value), "send --check"

    def log() -> "list[Problem]":
        if not line.named and not line.tiers:
            return []
        return looked_up(settings, command, of_command(settings, command), lambda: workspace_problems(settings, line))

    return Checker(line, log)


def checked(content: BinaryIO, file: str, kind: "Kind", check: Checker | None) -> int:
    """How many records there are; `UserError` with all problems, by line, if there are any."""
    from meter.commands.send import Problem, read_lines
    from meter.errors import UserError

    problems: list[Problem] = []
    wrong = total = 0
    for read in read_lines(content, kind, None if check is None else check.line):
        if isinstance(read, Problem):
            wrong += 1
            if wrong <= PROBLEMS_SHOWN:
                problems.append(read)
        else:
            total += 1
    unseen = ""
    if check is not None:
        try:
            found = check.log()
        except UserError as error:
            if not wrong:
                raise
            found, unseen = [], f"\n  whether the others' workspaces are known was not looked up: {error}"
        wrong += len(found)
        problems = sorted([*problems, *found])[:PROBLEMS_SHOWN]
    if not wrong:
        return total
    name = "stdin" if file == "-" else file
    raise UserError(refusal(name, problems, wrong) + unseen)


def refusal(name: str, problems: "list[Problem]", wrong: int) -> str:
    """Why nothing of a file was sent: the first problems of its `wrong` lines."""
    collected = [f"{name}: {counted(wrong, 'line')} cannot be sent, so nothing was:"]
    collected += [f"  line {number}: {sentence}" for number, sentence in problems]
    if wrong > len(problems):
        collected.append(f"  and {wrong - len(problems)} more")
    return "\n".join(collected)


def lines(content: BinaryIO, kind: "Kind") -> "Iterator[Line]":
    """The records, read again; UserError if the file changed meanwhile."""
    from meter.commands.send import Problem, read_lines
    from meter.errors import UserError

    for read in read_lines(content, kind):
        if isinstance(read, Problem):
            raise UserError(f"line {read.number} was changed while it was sent: {read.sentence}")
        yield read


@contextmanager
def progress(console: "Console", what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal; yields a function that adds acknowledged records."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)
