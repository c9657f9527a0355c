"""`meter forecast ACCOUNT`: how the open day will end, estimated from the days before it."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from meter.settings import Settings


def register(app: typer.Typer) -> None:
    """Add `meter forecast`."""
    app.command()(forecast)


def forecast(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="The billing account.")],
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Estimate usage and charges of an account at the end of the present billing day.

    Never below what they are now. Nothing is estimated in a day's first two hours, or from fewer than five days.
    """
    from meter.cli.asking import looked_up
    from meter.errors import UserError
    from meter.kafka.rights import of_command
    from meter.settings import Settings
    from schemas.ids import check_id

    try:
        check_id(account)
    except ValueError as error:
        raise UserError(f"{error}; ACCOUNT says whose day to forecast") from None
    settings = Settings.load()
    looked_up(settings, "forecast", of_command(settings, "forecast"), lambda: shown(settings, account, json))


async def shown(settings: "Settings", account: str, json: bool) -> None:
    """Print the forecast."""
    from json import dumps

    from agents.advice.open_day import open_day
    from meter.advise.forecast_text import shape, text

    day = await open_day(settings, account)
    zone = day.facts.zone.name
    if json:
        typer.echo(dumps(shape(account, zone, day.forecast)))
        return
    for line in text(account, zone, day.forecast):
        typer.echo(line)
