"""`meter settings`: every variable with its value, its default and its meaning."""

import difflib
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import typer

from meter.cli.narrow import fits

if TYPE_CHECKING:
    from rich.console import Console

    from meter.settings import Settings

#: Columns of piped tables, so that no line is broken.
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
    from rich.console import Console

    from meter.settings import Settings, SettingsError

    wrong: SettingsError | None = None
    loaded: Settings | None = None
    try:
        loaded = Settings.load()
    except SettingsError as error:
        wrong = error
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    show(console, lines(loaded, os.environ))
    for hint in unknown(os.environ):
        typer.echo(hint, err=True)
    if wrong is not None:
        raise wrong


def show(console: "Console", found: list[Line]) -> None:
    """Print settings as a table, or in a narrow terminal each with its meaning below; what is not default is bold."""
    from rich.box import SIMPLE_HEAD
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("Variable", no_wrap=True)
    for column in ("Value", "Default", "Meaning"):
        table.add_column(column, overflow="fold")
    for line in found:
        table.add_row(*map(Text, line), style="" if line.value == line.default else "bold")
    if not console.is_terminal or fits(console, table):
        console.print(table)
        return
    for line in found:
        default = "" if line.value == line.default else f"  (default: {line.default or 'unset'})"
        console.print(Text(f"{line.variable}={line.value}{default}", "bold" if default else ""), soft_wrap=True)
        console.print(Padding(Text(line.meaning), (0, 0, 0, 4)))


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
