"""`meter explain`: why a figure is what it is, and what became of one record."""

from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from meter.explain.model import Explanation, RecordFate
    from meter.explain.reading import Wanted

Parsed = TypeVar("Parsed")
#: Columns of piped output.
PIPED_WIDTH = 100
HELP = "meter explain ACCOUNT WORKSPACE ITEM DAY, or meter explain --record TOPIC PARTITION OFFSET"


def register(app: typer.Typer) -> None:
    """Add `meter explain`."""
    app.command()(explain)


def explain(
    account: Annotated[str | None, typer.Argument(metavar="ACCOUNT", help="The billing account.")] = None,
    workspace: Annotated[str | None, typer.Argument(metavar="WORKSPACE", help="The workspace.")] = None,
    item: Annotated[str | None, typer.Argument(metavar="ITEM", help="The billing item.")] = None,
    day: Annotated[str | None, typer.Argument(metavar="DAY", help="The billing day, YYYY-MM-DD.")] = None,
    revision: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="As of this revision, not the newest.")
    ] = None,
    compare: Annotated[
        str | None, typer.Option(metavar="DAY", help="Also why it differs from this day, driver by driver.")
    ] = None,
    compare_revision: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Also why it differs from this revision.")
    ] = None,
    history: Annotated[
        int, typer.Option(min=1, max=1_000_000, metavar="N", help="How many revisions to show, the newest.")
    ] = 100,
    sources: Annotated[
        bool, typer.Option("--sources/--no-sources", help="Whether to count the journal; without it is quick.")
    ] = True,
    record: Annotated[
        tuple[str, int, int] | None,
        typer.Option(metavar="TOPIC PARTITION OFFSET", help="What became of one record that was sent."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="The answer as one JSON object.")] = False,
) -> None:
    """Say why so much is over and what it costs: usage, plans in drawing order, charge, history, sources.

    Everything is recomputed from its inputs and is what was published at that revision. Nothing is changed.
    """
    from meter.errors import UserError

    if record is not None:
        if account is not None:
            raise UserError(f"--record takes no ACCOUNT: {HELP}")
        show_record(record, json)
        return
    if account is None or workspace is None or item is None or day is None:
        raise UserError(f"which figure? {HELP}")
    show_figure(wanted_of(account, workspace, item, day, revision, compare, compare_revision, sources, history), json)


def wanted_of(
    account: str,
    workspace: str,
    item: str,
    day: str,
    revision: int | None,
    compare: str | None,
    compare_revision: int | None,
    sources: bool,
    history: int,
) -> "Wanted":
    """What the arguments ask for."""
    from meter.errors import UserError
    from meter.explain.reading import Wanted
    from schemas.days import parse_date
    from schemas.ids import check_id

    names = [
        given("ACCOUNT", account, check_id),
        given("WORKSPACE", workspace, check_id),
        given("ITEM", item, check_id),
    ]
    on = given("DAY", day, parse_date).toordinal()
    other = None if compare is None else given("--compare", compare, parse_date).toordinal()
    if compare is not None and compare_revision is not None:
        raise UserError(
            "--compare and --compare-revision: one figure is compared with one other; leave one of them out"
        )
    return Wanted(names[0], names[1], names[2], on, revision, other, compare_revision, sources, history)


def given(name: str, text: str, parse: "Callable[[str], Parsed]") -> "Parsed":
    """An argument as `parse` reads it; `UserError` if it is none."""
    from meter.errors import UserError
    from schemas.ids import shown

    try:
        return parse(text)
    except ValueError as error:
        raise UserError(f"{name} is {shown(text)}: {error}; {HELP}") from None


def show_figure(wanted: "Wanted", json: bool) -> None:
    """Print an explanation."""
    from meter.cli.asking import looked_up
    from meter.explain import reading
    from meter.kafka.rights import of_command
    from meter.settings import Settings

    settings = Settings.load()
    found = looked_up(settings, "explain", of_command(settings, "explain"), lambda: reading.explain(settings, wanted))
    show(found, json)


def show_record(place: tuple[str, int, int], json: bool) -> None:
    """Print what became of a record."""
    from meter.cli.asking import looked_up
    from meter.explain import record_fate
    from meter.kafka.rights import of_command
    from meter.settings import Settings

    settings = Settings.load()
    rights = of_command(settings, "explain --record")
    found = looked_up(settings, "explain --record", rights, lambda: record_fate.fate_of(settings, *place))
    show(found, json)


def show(found: "Explanation | RecordFate", json: bool) -> None:
    """Print an answer: headings are bold on a terminal, and lines no wider than it."""
    import shutil
    import sys

    from meter.explain.text import HEADINGS, text

    if json:
        typer.echo(found.json_bytes())
        return
    terminal = sys.stdout.isatty()
    width = min(shutil.get_terminal_size().columns, PIPED_WIDTH) if terminal else PIPED_WIDTH
    for line in text(found, width):
        typer.secho(line, bold=terminal and line in HEADINGS)
