"""`meter catalog check FILE`: is this a catalogue that the meter would take?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from meter.settings import Settings
    from schemas.catalog import Catalogue


def register(app: typer.Typer) -> None:
    """Add `meter catalog`."""
    catalog = typer.Typer(
        help="The catalogue: billing items, plan packages, traffic packages, prices.", no_args_is_help=True
    )
    catalog.command()(check)
    catalog.callback()(lambda: None)  # without it, typer would make the only command the whole of `catalog`
    app.add_typer(catalog, name="catalog")


def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A catalogue file (TOML).")],
    against_journal: Annotated[
        bool, typer.Option("--against-journal", help="Also tell what a worker would announce, or refuse, of it.")
    ] = False,
) -> None:
    """Check a catalogue file and tell what is in it; all problems at once, exit code 1, if it is not valid."""
    from meter.errors import Trouble
    from schemas.catalog import CatalogueError, load_catalogue

    try:
        catalogue = load_catalogue(file)
    except CatalogueError as error:
        raise Trouble(str(error)) from None
    for line in told(catalogue):
        typer.echo(line)
    if against_journal:
        for line in asked(catalogue):
            typer.echo(line)


def asked(catalogue: "Catalogue") -> list[str]:
    """The journal's answer about the catalogue."""
    from meter.cli.asking import answered
    from meter.kafka.rights import of_command
    from meter.settings import Settings

    settings, command = Settings.load(), "catalog check --against-journal"
    return answered(settings, command, of_command(settings, command), compared_with_journal(settings, catalogue))


async def compared_with_journal(settings: "Settings", catalogue: "Catalogue") -> list[str]:
    """What a worker that starts now would do with the catalogue; Trouble with what it would refuse."""
    import time

    from agents.journal.opening import recorded_under
    from meter.errors import Trouble
    from meter.rules.billing_days import day_text, time_text
    from meter.rules.catalog_versions import compared

    known = await recorded_under(settings)
    facts = known.facts
    now_us = max(known.newest_ms * 1000, time.time_ns() // 1000)
    found = compared(facts.recorded(), catalogue, now_us, facts.zone)
    if found.refused:
        raise Trouble("\n".join(["a worker would refuse it, for the past is a fact:", *found.refused]))
    lines = [
        f"a worker would announce the version of {day_text(version.since)}: its first day begins at "
        f"{time_text(facts.zone.begin_of(version.since))}"
        for version in found.news
    ]
    lines += [
        f"the journal also has a version of {day_text(version.since)}: it counts, a file cannot take it back"
        for version in found.missing
    ]
    return lines or ["the journal has all of it"]


def told(catalogue: "Catalogue") -> list[str]:
    """A line about the catalogue and one about each version."""
    from datetime import date

    lines = [
        f"valid: {catalogue.currency}, plans of {catalogue.validity_days} days, {len(catalogue.versions)} version(s)"
    ]
    for version in catalogue.versions:
        since = date.fromordinal(version.since).isoformat()
        lines.append(
            f"from {since}: {len(version.items)} items, plans {', '.join(version.plans) or '–'}, "
            f"traffic packages for {', '.join(version.traffic) or 'nothing'}"
        )
    return lines
