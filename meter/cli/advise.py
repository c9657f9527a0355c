"""`meter advise ACCOUNT`: which plans would cost less, from real closed days; nothing is ordered."""

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from meter.settings import Settings

#: How many days statements are kept.
MOST_DAYS = 400


def register(app: typer.Typer) -> None:
    """Add `meter advise`."""
    app.command()(advise)


def advise(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="The billing account.")],
    days: Annotated[
        int, typer.Option(help="How many closed days to judge by, at least 14.", min=14, max=MOST_DAYS)
    ] = 35,
    target: Annotated[
        str,
        typer.Option(metavar="cost|coverage=P", help="Least cost, or P percent of usage inside quota at least cost."),
    ] = "cost",
    discount: Annotated[
        str | None,
        typer.Option(
            metavar="D", help="The discount on traffic packages, such as `0.8`. Default: the account's latest, else 1."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object, with every day's figures.")] = False,
) -> None:
    """Rank plan portfolios, lists and traffic packages by what they would have cost on real closed days.

    The days are replayed by the production rules; the check that the replay equals the published statements is printed.
    """
    from meter.advise.words import coverage_of
    from meter.cli.asking import looked_up
    from meter.errors import UserError
    from meter.kafka.rights import of_command
    from meter.settings import Settings
    from schemas.ids import check_id
    from schemas.money import parse_discount

    try:
        check_id(account)
        offered = None if discount is None else parse_discount(discount)
    except ValueError as error:
        raise UserError(f"{error}; ACCOUNT says whom to advise, --discount what traffic packages cost") from None
    settings = Settings.load()
    coverage, rights = coverage_of(target), of_command(settings, "advise")
    looked_up(settings, "advise", rights, lambda: shown(settings, account, days, coverage, offered, json))


async def shown(
    settings: "Settings", account: str, days: int, coverage: Decimal | None, discount: Decimal | None, json: bool
) -> None:
    """Print the advice."""
    from json import dumps

    from agents.advice.closed_days import closed_days
    from meter.advise.advice import advice_of
    from meter.advise.shape import shape
    from meter.advise.text import text

    found = await closed_days(settings, account, days)
    advice = advice_of(found.history, found.today, coverage, discount)
    if json:
        typer.echo(dumps(shape(advice, found.restatable), ensure_ascii=False))
        return
    for line in text(advice, found.restatable):
        typer.echo(line)
