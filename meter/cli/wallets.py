"""`meter wallets ACCOUNT`: shows the present money of an account."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from meter.cli.narrow import show

if TYPE_CHECKING:
    from rich.table import Table

    from meter.settings import Settings
    from schemas.wallets import Wallet

#: Columns of piped tables, so that no line is broken.
PIPED_WIDTH = 160


def register(app: typer.Typer) -> None:
    """Add `meter wallets`."""
    app.command()(wallets)


def wallets(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="The billing account.")],
    json: Annotated[bool, typer.Option("--json", help="JSON lines: the records as published.")] = False,
) -> None:
    """Show the wallets of an account: its cash, prepaid cards and coupons, what is left on them and until when."""
    from meter.cli.asking import looked_up, unattended
    from meter.errors import UserError
    from meter.kafka.rights import of_command
    from meter.settings import Settings
    from schemas.ids import check_id

    try:
        check_id(account)
    except ValueError as error:
        raise UserError(f"{error}; ACCOUNT says whose wallets to show") from None
    settings = Settings.load()
    looked_up(settings, "wallets", of_command(settings, "wallets"), lambda: shown(settings, account, json))
    unattended(settings)


async def shown(settings: "Settings", account: str, json: bool) -> None:
    """Print the wallets."""
    from rich.console import Console

    from meter.commands.account_state import wallets_of

    found = await wallets_of(settings, account)
    if json:
        for wallet in found:
            typer.echo(wallet.json_bytes())
        return
    if not found:
        typer.echo(f"account {account} has no money; `meter top-up {account} AMOUNT` puts some on it")
        return
    console = Console()
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    show(console, table(found))


def table(found: "Sequence[Wallet]") -> "Table":
    """A row for each instrument; empty ones are dim."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from schemas.money import money_text

    shown = Table(box=SIMPLE_HEAD, pad_edge=False, caption=f"wallets of {found[0].account}", caption_justify="left")
    shown.add_column("Method", no_wrap=True)
    shown.add_column("Instrument", overflow="fold")
    shown.add_column("Balance", justify="right", no_wrap=True)
    shown.add_column("Can be drawn", no_wrap=True)
    for each in found:
        until = "for ever" if each.expires_on is None else f"through {each.expires_on}"
        balance = f"{money_text(each.balance)} {each.currency}"
        shown.add_row(each.method, each.instrument or "", balance, until, style="" if each.balance else "dim")
    return shown
