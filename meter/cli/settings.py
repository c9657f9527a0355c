"""`meter settings`: every variable with its value, its default and its meaning."""

import difflib
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import typer

if TYPE_CHECKING:
    from meter.settings import Settings

#: Columns of the table where nobody looks on: no line of it is broken then.
PIPED_WIDTH = 180


class Line(NamedTuple):
    """One variable as it is shown; a secret's value is masked."""

    variable: str
    value: str
    default: str
    meaning: str


def register(app: typer.Typer) -> None:
    """Add `meter settings`."""
    app.command()(settings)


def settings() -> None:
    """Show every setting: its variable, its value now, its default and its meaning."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from meter.settings import Settings, SettingsError

    wrong: SettingsError | None = None
    loaded: Settings | None = None
    try:
        loaded = Settings.load()
    except SettingsError as error:
        wrong = error
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("Variable", no_wrap=True)
    for column in ("Value", "Default", "Meaning"):
        table.add_column(column, overflow="fold")
    for line in lines(loaded, os.environ):
        table.add_row(*map(escape, line), style="" if line.value == line.default else "bold")
    console = Console()
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    console.print(table)
    for hint in unknown(os.environ):
        typer.echo(hint, err=True)
    if wrong is not None:
        raise wrong


def lines(loaded: "Settings | None", environ: Mapping[str, str]) -> list[Line]:
    """One line for each setting; without valid settings, the value is what the variable says."""
    from meter.settings import SECRETS, Settings, variable

    shown = []
    for name, field in Settings.model_fields.items():
        default = "horizon + 10" if field.default_factory else text(field.default)
        value = text(getattr(loaded, name)) if loaded else environ.get(variable(name), default)
        if name.endswith(SECRETS) and value:
            value = "********"
        shown.append(Line(variable(name), value, default, field.description or ""))
    return shown


def text(value: object) -> str:
    """A value as one would write it in the environment; nothing for unset."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def unknown(environ: Mapping[str, str]) -> list[str]:
    """A sentence for each `METER_…` variable that is no setting: mostly a slip of the pen."""
    from meter.settings import PREFIX, Settings, variable

    known = [variable(name) for name in Settings.model_fields]
    hints = []
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hints.append(f"{name} is set and is no setting" + (f"; did you mean {near[0]}?" if near else ""))
    return hints
