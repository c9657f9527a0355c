"""`meter verify`: count everything again in another way, and compare with what was published."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from meter.settings import Settings
    from meter.verify.comparison import Verified

#: At most this many differences are shown; the others are counted (`--json` has all).
SHOWN = 100


def register(app: typer.Typer) -> None:
    """Add `meter verify`."""
    app.command()(verify)


def verify(
    account: Annotated[str | None, typer.Option(help="Only this account's figures, orders and wallets.")] = None,
    day: Annotated[
        str | None,
        typer.Option(metavar="YYYY-MM-DD", help="Only the figures of this billing day; no orders or wallets."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="JSON lines: every difference, then the result.")] = False,
) -> None:
    """Count the journal again, by plain loops, and compare with overages, order outcomes and wallets as published.

    It reads only, and may run beside workers. Exit code 1 if anything differs. The result of a whole run (no --account,
    no --day) is kept in METER_DATA_DIR, where the worker with that directory shows it as `meter_verify_differences`.
    """
    from agents.verify import verify as verified
    from meter.cli.asking import looked_up
    from meter.errors import UserError
    from meter.kafka.rights import of_command
    from meter.settings import Settings
    from schemas.days import parse_date
    from schemas.ids import check_id

    try:
        account = account and check_id(account)
        ordinal = None if day is None else parse_date(day).toordinal()
    except ValueError as error:
        raise UserError(f"{error}; --account and --day say what to verify") from None
    settings = Settings.load()
    result = looked_up(settings, "verify", of_command(settings, "verify"), lambda: verified(settings, account, ordinal))
    report(result, json)
    if account is None and day is None:
        kept(settings, result)
    if result.differences:
        raise typer.Exit(1)


def report(result: "Verified", json: bool) -> None:
    """Print the differences, what else there is to know, and the result."""
    if json:
        for line in json_lines(result):
            typer.echo(line)
        return
    for note in result.notes:
        typer.echo(note)
    for difference in result.differences[:SHOWN]:
        typer.echo(difference.sentence())
    if len(result.differences) > SHOWN:
        typer.echo(f"… and {len(result.differences) - SHOWN:,} more; --json has all")
    typer.echo(result.sentence())


def json_lines(result: "Verified") -> list[str]:
    """A line for each difference, then one for the result."""
    from dataclasses import asdict
    from json import dumps

    from meter.rules.billing_days import day_text

    days = [day_text(each) for each in (min(result.days), max(result.days))] if result.days else None
    summary = {
        "figures": result.figures,
        "accounts": len(result.accounts),
        "days": days,
        "orders": result.orders,
        "wallets": result.wallets,
        "differences": len(result.differences),
        "left_out": result.left_out,
        "notes": result.notes,
        "seconds": round(result.seconds, 3),
    }
    return [dumps(asdict(each), ensure_ascii=False) for each in result.differences] + [
        dumps(summary, ensure_ascii=False)
    ]


def kept(settings: "Settings", result: "Verified") -> None:
    """Keep the result for the worker's metrics; a failure to keep it is printed, and no error."""
    from meter.verified import keep

    try:
        keep(settings.data_dir, len(result.differences), result.sentence())
    except OSError as error:
        typer.echo(f"the result is not kept in {settings.data_dir} ({error.strerror}); see METER_DATA_DIR", err=True)
