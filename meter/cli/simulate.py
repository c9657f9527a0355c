"""`meter simulate ACCOUNT`: real closed days replayed against other plans; nothing is ordered."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from meter.advise.changes import Change
    from meter.settings import Settings
    from schemas.orders import TrafficLine

#: Statements are kept for so many days.
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


def changes_of(
    buy: Sequence[str],
    add_traffic: Sequence[str],
    upgrade: Sequence[str],
    workspaces: Sequence[str],
    without: Sequence[str],
) -> "list[Change]":
    """The changes that the options name: plans go first, then come lists, packages, purchases and traffic packages."""
    from meter.advise.changes import AddTraffic, Buy, ChangeWorkspaces, Upgrade, Without

    found: list[Change] = [Without(plan_id) for plan_id in without]
    found += [ChangeWorkspaces(plan_id, listed(names)) for plan_id, names in _pairs("--workspaces", workspaces)]
    found += [Upgrade(*pair) for pair in _pairs("--upgrade", upgrade)]
    lines: dict[str, list[TrafficLine]] = {}
    for plan_id, word in _pairs("--add-traffic", add_traffic, ":"):
        lines.setdefault(plan_id, []).append(traffic(word))
    for number, (plan, names) in enumerate(_pairs("--buy", buy), 1):
        plan_id = f"new-{number}"
        found.append(Buy(plan_id, plan, listed(names), tuple(lines.pop(plan_id, ()))))
    return [*found, *(AddTraffic(plan_id, tuple(more)) for plan_id, more in lines.items())]


def _pairs(option: str, words: Sequence[str], mark: str = "=") -> list[tuple[str, str]]:
    from meter.errors import UserError

    pairs = [word.partition(mark) for word in words]
    for word, (first, _, second) in zip(words, pairs, strict=True):
        if not first or not second:
            raise UserError(
                f"{option} is two names with {mark!r} between them, this is {word!r}; see `meter simulate --help`"
            )
    return [(first, second) for first, _, second in pairs]


def listed(names: str) -> tuple[str, ...]:
    """A list of workspaces, each once."""
    from meter.errors import UserError

    found = tuple(name for name in names.split(",") if name)
    if not found or len(set(found)) != len(found):
        raise UserError(f"a list names workspaces, each once, with commas between them; this is {names!r}")
    return found


def traffic(word: str) -> "TrafficLine":
    """One traffic line."""
    from pydantic import ValidationError

    from meter.cli.order_words import traffic_lines
    from meter.errors import UserError
    from schemas.orders import TrafficLine
    from schemas.record import problem

    try:
        return TrafficLine.model_validate((traffic_lines([word]) or [])[0])
    except ValidationError as wrong:
        raise UserError(f"--add-traffic {word!r}: {problem(wrong)}") from None


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
        typer.echo(dumps(simulation_shape(simulation), ensure_ascii=False))
        return
    for line in text(simulation, found.restatable):
        typer.echo(line)
