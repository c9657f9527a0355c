"""`meter catalog check FILE`: is this a catalogue that the meter would take?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from schemas.catalog import Catalogue


def register(app: typer.Typer) -> None:
    """Add `meter catalog`."""
    catalog = typer.Typer(
        help="The catalogue: billing items, plan packages, traffic packages, prices.", no_args_is_help=True
    )
    catalog.command()(check)
    catalog.callback()(lambda: None)  # without it, typer would make the only command the whole of `catalog`
    app.add_typer(catalog, name="catalog")


def check(file: Annotated[Path, typer.Argument(metavar="FILE", help="A catalogue file (TOML).")]) -> None:
    """Check a catalogue file and tell what is in it; all problems at once, exit code 1, if it is not valid."""
    from meter.trouble import Trouble
    from schemas.catalog import CatalogueError, load_catalogue

    try:
        catalogue = load_catalogue(file)
    except CatalogueError as error:
        raise Trouble(str(error)) from None
    for line in told(catalogue):
        typer.echo(line)


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
