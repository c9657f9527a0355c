"""`meter quote purchase|add-traffic|upgrade|change-workspaces|top-up`: an order's price today, unsent."""

from collections.abc import Sequence
from typing import Annotated

import typer

from meter.cli import order_words as words

Pay = Annotated[
    list[str] | None,
    typer.Option(metavar="METHOD[:INSTRUMENT]=AMOUNT", help=f"{words.PAY_HELP}. Default: exact payment is assumed."),
]


def register(app: typer.Typer) -> None:
    """Add `meter quote`."""
    quote = typer.Typer(
        help="What an order would cost today and whether it would be accepted, without sending it.",
        no_args_is_help=True,
    )
    for command in (purchase, add_traffic, upgrade, change_workspaces, top_up):
        quote.command(command.__name__.replace("_", "-"))(command)
    app.add_typer(quote, name="quote")


def purchase(
    account: words.Account,
    plan: words.Package,
    workspaces: words.Workspaces,
    traffic: words.Traffic = None,
    first_day: words.FirstDay = None,
    pay: Pay = None,
    json: words.Json = False,
) -> None:
    """Quote what `meter buy` would buy; exit code 1 if it would be refused."""
    quote(words.purchase(account, plan, workspaces, traffic, first_day), pay, json)


def add_traffic(
    account: words.Account,
    plan_id: words.PlanId,
    traffic: words.Traffic = None,
    pay: Pay = None,
    json: words.Json = False,
) -> None:
    """Quote traffic packages for a plan; exit code 1 if the order would be refused."""
    quote(words.add_traffic(account, plan_id, traffic), pay, json)


def upgrade(
    account: words.Account,
    plan_id: words.PlanId,
    plan: words.Package,
    pay: Pay = None,
    json: words.Json = False,
) -> None:
    """Quote the upgrade of a plan; exit code 1 if the order would be refused."""
    quote(words.upgrade(account, plan_id, plan), pay, json)


def change_workspaces(
    account: words.Account, plan_id: words.PlanId, workspaces: words.Workspaces, json: words.Json = False
) -> None:
    """Say whether a plan could get a new list; exit code 1 if the order would be refused."""
    quote(words.change_workspaces(account, plan_id, workspaces), None, json)


def top_up(
    account: words.Account,
    amount: words.Amount,
    method: words.Method = "cash",
    instrument: words.Instrument = None,
    expires_on: words.ExpiresOn = None,
    currency: words.Currency = None,
    json: words.Json = False,
) -> None:
    """Say whether a top-up would be accepted; exit code 1 if it would be refused."""
    fields = words.present(words.top_up(account, amount, method, instrument, expires_on), currency=currency)
    quote(fields, None, json)


def quote(fields: words.Fields, pay: Sequence[str] | None, json: bool) -> None:
    """Print the quote of the order of these fields; exit code 1 if it would be refused."""
    from agents.quote import quoted
    from meter.cli.asking import looked_up
    from meter.cli.order_sentences import quote_json, quote_lines
    from meter.kafka.rights import of_command
    from meter.settings import Settings

    settings = Settings.load()
    fields = words.present(fields, payments=words.payments(pay), order_id=words.new_order_id(fields["kind"]))
    wanted = words.parse_order(fields)
    found = looked_up(settings, "quote", of_command(settings, "quote"), lambda: quoted(settings, wanted))
    typer.echo(quote_json(found) if json else "\n".join(quote_lines(wanted, found)))
    if not found.decision.accepted:
        raise typer.Exit(1)
