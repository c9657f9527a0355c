"""`meter catalog check FILE`: is this a catalog that the meter would take?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.plurals import counted

if TYPE_CHECKING:
    from meter.settings import Settings
    from schemas.catalog import Catalog


def register(app: typer.Typer) -> None:
    """Add `meter catalog`."""
    catalog = typer.Typer(
        help="The catalog: billing items, plan packages, traffic packages, prices.", no_args_is_help=True
    )
    catalog.command()(check)
    catalog.callback()(lambda: None)  # without it, typer would make the only command the whole of `catalog`
    app.add_typer(catalog, name="catalog")


def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A catalog file (TOML).")],
    against_journal: Annotated[
        bool, typer.Option("--against-journal", help="Also tell what a worker would announce, or refuse, of it.")
    ] = False,
) -> None:
    """Check a catalog file and show its content, or all its problems at once (exit code 1)."""
    from meter.errors import UserError
    from schemas.catalog import CatalogError, load_catalog

    try:
        catalog = load_catalog(file)
    except CatalogError as error:
        raise UserError(str(error)) from None
    for line in catalog_lines(catalog):
        typer.echo(line)
    if against_journal:
        for line in asked(catalog):
            typer.echo(line)


def asked(catalog: "Catalog") -> list[str]:
    """The journal's answer about the catalog."""
    from meter.cli.asking import looked_up
    from meter.kafka.rights import of_command
    from meter.settings import Settings

    settings, command = Settings.load(), "catalog check --against-journal"
    return looked_up(settings, command, of_command(settings, command), lambda: compared_with_journal(settings, catalog))


async def compared_with_journal(settings: "Settings", catalog: "Catalog") -> list[str]:
    """What a worker that starts now would do with the catalog; UserError with what it would refuse."""
    import time

    from agents.journal.opening import recorded_under
    from meter.errors import UserError
    from meter.rules.billing_days import day_text, time_text
    from meter.rules.catalog_versions import compared

    known = await recorded_under(settings)
    facts = known.facts
    now_us = max(known.newest_ms * 1000, time.time_ns() // 1000)
    found = compared(facts.recorded(), catalog, now_us, facts.zone)
    if found.refused:
        raise UserError("\n".join(["a worker would refuse it, for the past is a fact:", *found.refused]))
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


def catalog_lines(catalog: "Catalog") -> list[str]:
    """A line about the catalog and one about each version."""
    from datetime import date

    lines = [
        f"valid: {catalog.currency}, plans of {catalog.validity_days} days, {counted(len(catalog.versions), 'version')}"
    ]
    for version in catalog.versions:
        since = date.fromordinal(version.since).isoformat()
        lines.append(
            f"from {since}: {counted(len(version.items), 'item')}, plans {', '.join(version.plans) or '–'}, "
            f"traffic packages for {', '.join(version.traffic) or 'nothing'}"
        )
    return lines
