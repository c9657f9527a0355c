"""`meter budget set|list|clear|watch`: limits of what accounts are charged or use, and their states."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from meter.commands.budgets import Standing
    from schemas.budgets import Budget

Account = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The billing account.")]
Name = Annotated[str, typer.Argument(metavar="BUDGET", help="The budget's id, unique in the account.")]
#: Alerts that are shown below the budgets.
SHOWN = 20


def register(app: typer.Typer) -> None:
    """Add `meter budget`."""
    budget = typer.Typer(help="Limits of what accounts are charged or use, and their states.", no_args_is_help=True)
    budget.command("set")(set_)
    budget.command("list")(list_)
    budget.command("clear")(clear)
    budget.command("watch")(watch)
    app.add_typer(budget, name="budget")


def set_(
    account: Account,
    name: Name,
    money: Annotated[str | None, typer.Option(metavar="AMOUNT", help="Limit of charges, such as `500.00`.")] = None,
    units: Annotated[int | None, typer.Option(help="Limit of an item's usage, converted; with --item.")] = None,
    month: Annotated[bool, typer.Option("--month", help="In a calendar month. Default: in a billing day.")] = False,
    item: Annotated[str | None, typer.Option(help="Only this item.")] = None,
    workspace: Annotated[str | None, typer.Option(help="Only this workspace.")] = None,
    actual: Annotated[
        str, typer.Option(metavar="PERCENTS", help="An alert when so much is reached; with commas.")
    ] = "80,100",
    forecast: Annotated[
        str, typer.Option(metavar="PERCENTS", help="An alert when so much is estimated for its end.")
    ] = "",
) -> None:
    """Set a budget, or put another in its place, which is then looked at as a new one.

    `meter budget watch` publishes on `budget-alerts` when a threshold is reached, and when no longer.
    """
    from meter.cli.asking import answered
    from meter.commands.budgets import set_budget
    from meter.kafka.rights import of_command
    from meter.settings import Settings

    fields = {"account": account, "budget": name, "workspace": workspace, "item": item, "amount": money, "units": units}
    thresholds = {"actual": percents("--actual", actual), "forecast": percents("--forecast", forecast)}
    budget = budget_of({**fields, **thresholds, "period": "month" if month else "day"})
    settings = Settings.load()
    answered(settings, "budget set", of_command(settings, "budget set"), set_budget(settings, budget))
    typer.echo(f"set: {sentence(budget)}")


def percents(option: str, words: str) -> tuple[int, ...]:
    """Thresholds out of `80,100`."""
    from meter.errors import UserError

    parts = [part.strip() for part in words.split(",") if part.strip()]
    if not all(part.isascii() and part.isdecimal() for part in parts):
        raise UserError(f"{option} is whole percents with commas, such as 80,100; this is {words!r}")
    return tuple(sorted({int(part[:6]) for part in parts}))


def budget_of(fields: dict[str, object]) -> "Budget":
    """The budget that the fields make; `UserError` with everything that is wrong with them."""
    from pydantic import ValidationError

    from meter.errors import UserError
    from schemas.budgets import Budget
    from schemas.money import parse_money
    from schemas.record import sentence as problem

    try:
        if isinstance(fields["amount"], str):
            fields = fields | {"amount": parse_money(fields["amount"])}
        return Budget.model_validate(fields)
    except ValidationError as wrong:
        problems = [
            problem(error) if error["loc"] else error["msg"].removeprefix("Value error, ")
            for error in wrong.errors(include_url=False)
        ]
    except ValueError as wrong:
        problems = [f"--money: {wrong}"]
    raise UserError("\n  ".join(["this is no budget, and nothing was set:", *problems]))


def list_(
    account: Account,
    json: Annotated[bool, typer.Option("--json", help="JSON lines: budgets, then alerts, as published.")] = False,
) -> None:
    """Show the budgets of an account and the states of their thresholds."""
    from meter.cli.asking import looked_up
    from meter.commands.budgets import budgets_of
    from meter.kafka.rights import of_command
    from meter.settings import Settings

    settings = Settings.load()
    rights, wanted = of_command(settings, "budget list"), checked(account)
    found = looked_up(settings, "budget list", rights, lambda: budgets_of(settings, wanted))
    for line in listed(account, found, json):
        typer.echo(line)


def listed(account: str, standing: "Standing", json: bool) -> Sequence[str | bytes]:
    """The lines of `meter budget list`."""
    if json:
        return [each.json_bytes() for each in (*standing.budgets.values(), *standing.alerts)]
    if not standing.budgets and not standing.alerts:
        return [f"account {account} has no budgets; `meter budget set {account} NAME --money AMOUNT` sets one"]
    lines = [sentence(budget) for budget in standing.budgets.values()]
    for alert in standing.alerts[:SHOWN]:
        what = "estimated" if alert.kind == "forecast" else "reached"
        lines.append(
            f"  {alert.since} {alert.budget} {alert.threshold} % {what}: {alert.state}, "
            f"{alert.value} of {alert.limit}, {alert.at[:19]}Z"
        )
    more = len(standing.alerts) - SHOWN
    return [*lines, f"  and {more} earlier states"] if more > 0 else lines


def clear(account: Account, name: Name) -> None:
    """Take a budget away; what it raised is cleared."""
    from meter.cli.asking import answered
    from meter.commands.budgets import clear_budget
    from meter.kafka.rights import of_command
    from meter.settings import Settings

    settings = Settings.load()
    work = clear_budget(settings, checked(account), name)
    answered(settings, "budget clear", of_command(settings, "budget clear"), work)
    typer.echo(f"cleared: {name} of {account}")


def watch() -> None:
    """Watch all budgets until SIGTERM: publish on `budget-alerts` when a threshold is reached, and when no longer.

    Creates the topics `budgets` and `budget-alerts`. Several processes share the partitions; a crossing is one record.
    """
    import asyncio
    import logging

    import meter.logs
    from agents.budgets.watch import BudgetWatch
    from meter.cli.asking import answered
    from meter.kafka.rights import of_command
    from meter.settings import Settings

    meter.logs.to_stderr()
    settings = Settings.load()
    meter.logs.to_stderr(settings.log_format)
    log = logging.getLogger("meter.budgets")
    try:
        answered(settings, "budget watch", of_command(settings, "budget watch"), BudgetWatch(settings).run())
    except asyncio.CancelledError:
        raise typer.Exit(2) from None
    log.info("stopped as asked")


def checked(account: str) -> str:
    """The account, if it is an id."""
    from meter.errors import UserError
    from schemas.ids import check_id

    try:
        return check_id(account)
    except ValueError as error:
        raise UserError(f"{error}; ACCOUNT says whose budgets") from None


def sentence(budget: "Budget") -> str:
    """A budget as a line."""
    from schemas.money import money_text

    limit = money_text(budget.amount) if budget.amount is not None else f"{budget.units:,} of {budget.item}"
    of = f" for {budget.item}" if budget.item is not None and budget.units is None else ""
    whose = f" of {budget.workspace}" if budget.workspace else ""
    marks = [f"{each} %" for each in budget.actual] + [f"{each} % estimated" for each in budget.forecast]
    return f"{budget.budget}: {limit}{of}{whose} a {budget.period}, alerts at {', '.join(marks)}"
