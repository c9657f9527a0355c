"""`meter doctor`: would a worker start here, and go on? Each thing it needs is looked at, with its mend."""

from typing import TYPE_CHECKING, Annotated

import typer

from meter.cli.worker import Role

if TYPE_CHECKING:
    from agents.doctor.lines import Line
    from meter.settings import Settings


def register(app: typer.Typer) -> None:
    """Add `meter doctor`."""
    app.command()(doctor)


def doctor(
    role: Annotated[Role, typer.Option(help="Whose rights and groups to look at.")] = Role.ALL,
    json: Annotated[bool, typer.Option("--json", help="JSON lines: state, check, finding, mend.")] = False,
) -> None:
    """Look at everything that a worker needs, a line each: ok, warn or fail, and what to do about it.

    It looks at the broker, its version and security, the topics and their settings, every right of the role, the
    groups, workspace topics that are not read, the clocks, and here at the data directory, disk, open files, memory and
    the web port. Run it as the worker's user with the worker's settings; it may run beside workers. Exit code 1 if
    anything fails.
    """
    import asyncio

    from meter.settings import Settings

    if asyncio.run(shown(Settings.load(), role.value, json)):
        raise typer.Exit(1)


async def shown(settings: "Settings", role: str, json: bool) -> bool:
    """Print every line as soon as it is known; whether anything fails."""
    from agents.doctor.kafka_checks import kafka_lines
    from agents.doctor.lines import failed
    from agents.doctor.machine_checks import machine_lines

    lines = []

    def show(line: "Line") -> None:
        typer.echo(line.json() if json else line.text())
        lines.append(line)

    async for line in kafka_lines(settings, role):
        show(line)
    for line in machine_lines(settings):
        show(line)
    return failed(lines)
