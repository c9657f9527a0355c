"""`meter schemas DIR`: the JSON Schema of every record, for those who write or read them."""

from pathlib import Path
from typing import Annotated

import typer

from schemas.plurals import counted


def register(app: typer.Typer) -> None:
    """Add `meter schemas`."""
    app.command()(schemas)


def schemas(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write them; made if absent.")],
) -> None:
    """Write the JSON Schema (2020-12) of every record and of the catalog file."""
    from meter.errors import UserError
    from schemas.json_schema import write_schemas

    try:
        written = write_schemas(directory)
    except OSError as error:
        raise UserError(f"{directory} cannot be written: {error.strerror}; name another directory") from error
    typer.echo(f"{counted(len(written), 'schema')} written to {directory}")
