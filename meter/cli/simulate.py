"""`meter simulate ACCOUNT`: real closed days replayed against other plans; nothing is ordered."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from meter.advise.changes import Change
    from meter.settings import Settings

#: How many days statements are kept.
MOST_DAYS = 400


def register(app: typer.Typer) -> None:
    """Add `meter simulate`."""
    app.command()(simulate)


def simulate(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="The billing account.")],
    days: Annotated[int, typer.Option(help="How many closed days to replay.", min=1, max=MOST_DAYS)] = 35,
    buy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PLAN=WORKSPACE,...",
            help="A plan package for workspaces in priority order; called new-1, new-2, … More than once.",
        ),
    ] = None,
    add_traffic: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PLAN_ID:ITEM=UNITS[@DISCOUNT]",
            help="Traffic packages for a plan, such as `o-1:logs=30@0.8` or `new-1:logs=30`. More than once.",
        ),
    ] = None,
    upgrade: Annotated[
        list[str] | None,
        typer.Option(metavar="PLAN_ID=PLAN", help="A dearer plan package in the place of a plan's. More than once."),
    ] = None,
    workspaces: Annotated[
        list[str] | None,
        typer.Option(metavar="PLAN_ID=WORKSPACE,...", help="Another list for a plan, in its order. More than once."),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(metavar="PLAN_ID", help="As if the plan had never been bought. More than once."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object, with every day's figures.")] = False,
) -> None:
    """Replay closed days as if some changes had held on all of them, and compare with what was charged.

    Without changes it is the check alone: the replay of the days as they were equals the published statements.
    """
    from meter.advise.words import changes_of
    from meter.cli.asking import looked_up
    from meter.errors import UserError
    from meter.kafka.rights import of_command
    from meter.settings import Settings
    from schemas.ids import check_id

    try:
        check_id(account)
    except ValueError as error:
        raise UserError(f"{error}; ACCOUNT says whose days to replay") from None
    changes = changes_of(buy or (), add_traffic or (), upgrade or (), workspaces or (), without or ())
    settings = Settings.load()
    rights = of_command(settings, "simulate")
    looked_up(settings, "simulate", rights, lambda: shown(settings, account, days, changes, json))


async def shown(settings: "Settings", account: str, days: int, changes: "Sequence[Change]", json: bool) -> None:
    """Print the simulation."""
    from json import dumps

    from agents.advice.closed_days import closed_days
    from meter.advise.shape import simulation_shape
    from meter.advise.simulation import simulated
    from meter.advise.simulation_text import text

    found = await closed_days(settings, account, days)
    simulation = simulated(found.history, found.today, changes)
    if json:
        typer.echo(dumps(simulation_shape(simulation, found.restatable), ensure_ascii=False))
        return
    for line in text(simulation, found.restatable):
        typer.echo(line)
