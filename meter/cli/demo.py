"""`meter demo`: a day of usage of 20 workspaces on a real Kafka, live, in under a minute."""

from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from meter.demo.board import Board
    from meter.demo.clock import Clock
    from meter.demo.stage import Stage, Worker
    from meter.demo.watched import Watched
    from meter.settings import Settings

#: Between two looks at whether what was kept still runs.
KEPT_LOOK_SECONDS = 0.5
#: Columns of piped output: the live table at its narrowest.
PIPED_WIDTH = 120
INTERRUPTED = 130


def register(app: typer.Typer) -> None:
    """Add `meter demo`."""
    app.command()(demo)


def demo(
    seconds: Annotated[float, typer.Option(min=0, max=600, help="How long the day takes.")] = 36.0,
    keep: Annotated[bool, typer.Option("--keep", help="Let worker and dashboard run on until Ctrl-C.")] = False,
    dashboard: Annotated[bool, typer.Option(help="Serve the dashboard, where the day can be watched.")] = True,
) -> None:
    """Meter a bundled day of usage of 20 workspaces, live, and check every figure at the end.

    Before the day begins it prints the address of a dashboard, on which the day can be watched in a browser.

    It uses the Kafka at METER_BROKER, or starts one there and stops it again.
    Its topics have a prefix of their own (`demo-1.`, `demo-2.`, …) and stay.
    Ctrl-C ends everything that it started, and so does its own end, whatever ends it.
    """
    from rich.console import Console

    from meter.settings import Settings

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    try:
        right = staged(console, Settings.load(), Stay(seconds, keep, dashboard))
    except KeyboardInterrupt:
        console.print("interrupted; nothing that the demo started runs on", soft_wrap=True, markup=False)
        raise typer.Exit(INTERRUPTED) from None
    if not right:
        raise typer.Exit(1)


class Stay(NamedTuple):
    """How long the day takes, whether what was started stays, and whether a dashboard is part of it."""

    seconds: float
    keep: bool
    dashboard: bool


def staged(console: "Console", settings: "Settings", stay: Stay) -> bool:
    """Play the day on a broker and in a directory that are gone at the end; whether the result is the expected one."""
    import tempfile
    from pathlib import Path

    from meter.demo.guard import guarded
    from meter.demo.stage import Stage, broker_there, ended_by_signals

    def say(sentence: str) -> None:
        console.print(sentence, soft_wrap=True, markup=False)

    with (
        ended_by_signals(),
        guarded() as guard,
        broker_there(settings, say, guard) as ours,
        tempfile.TemporaryDirectory() as directory,
        guard.over("directory", Path(directory)),
    ):
        if not ours:
            say(f"Kafka answers at {settings.broker}; it stays as it is")
        return performed(console, Stage(settings, Path(directory), guard), stay, ours)


def performed(console: "Console", stage: "Stage", stay: Stay, ours: bool) -> bool:
    """Start a worker, play the day, print the result; returns whether it is the expected one."""
    import time
    from contextlib import ExitStack

    from meter.cli.asking import answered
    from meter.demo.clock import nearly_over
    from meter.demo.stage import worker
    from meter.demo.watched import running_with_dashboard

    prefix = answered(stage.settings, "demo", (), fresh_prefix(stage.settings))
    clock = nearly_over(time.time_ns() // 1000)
    own = {"METER_TOPIC_PREFIX": prefix, "METER_BILLING_TIME_ZONE": clock.zone}
    with ExitStack() as started:
        both = "a worker and a dashboard" if stay.dashboard else "a worker"
        console.print(f"starting {both}: topics {prefix}*, days in {clock.zone} (it is 23:40 there)")
        begun = time.monotonic()
        if stay.dashboard:
            running, pages = started.enter_context(running_with_dashboard(stage, own))
            watch(console, pages, stay.keep)
            own["METER_DASHBOARD_PORT"] = str(pages.port)
        else:
            running = started.enter_context(worker(stage, own))
        running.wait_for("/ready")
        console.print(f"ready after {time.monotonic() - begun:.1f} s; now 24 hours in {stay.seconds:.0f} s\n")
        right = played(
            console, stage.settings.model_copy(update={"topic_prefix": prefix}), running, clock, stay.seconds
        )
        look_further(console, stage.settings, own, stay, ours)
        if stay.keep:
            keep_on(console, running)
    return right


def played(console: "Console", settings: "Settings", running: "Worker", clock: "Clock", seconds: float) -> bool:
    """Play the day under the settings' prefix and print the result; whether it is the expected one."""
    import asyncio

    from meter.demo.board import Board
    from meter.demo.day import day_steps
    from meter.demo.play import Play
    from meter.kafka.topics import Topics

    board = Board(Topics.of(settings.topic_prefix))
    play = Play(settings, running, console, board)
    differences = asyncio.run(play.run(day_steps(clock.day_us), seconds))  # it is interrupted in its own way
    conclude(console, board, play.sent, running.taken_in(), differences)
    return not differences


def watch(console: "Console", dashboard: "Watched", keep: bool) -> None:
    """Print where the day can be watched, before the first record."""
    console.print(f"watch it in a browser: {dashboard.address}", style="bold", soft_wrap=True)
    console.print(f"the worked example of the contract: {dashboard.example}", soft_wrap=True)
    console.print("the pages stay until Ctrl-C" if keep else "the pages go when the demo ends; --keep leaves them")


def keep_on(console: "Console", running: "Worker") -> None:
    """Stay until Ctrl-C, which is the right end then; `UserError` if the worker ends before."""
    import contextlib
    import time

    console.print("\nworker and dashboard run on: Ctrl-C ends them")
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            running.must_live()
            time.sleep(KEPT_LOOK_SECONDS)


async def fresh_prefix(settings: "Settings") -> str:
    """The first `demo-<n>.` behind all existing ones; UserError names the rights missing under it.

    Of two demos that start at once one creates the first topic of a prefix; the other takes the next prefix.
    """
    import itertools
    import re

    from meter.kafka.access import require
    from meter.kafka.admin import connected_admin, create_topics, partition_counts
    from meter.kafka.rights import of_role
    from meter.kafka.topics import wanted_topics

    async with connected_admin(settings) as admin:
        names = await partition_counts(admin)
        taken = [int(found[1]) for found in (re.match(r"demo-([0-9]{1,9})\.", name) for name in names) if found]
        for number in itertools.count(max(taken, default=0) + 1):
            prefix = f"demo-{number}."
            under = settings.model_copy(update={"topic_prefix": prefix})
            await require(under, admin, "`meter demo`", of_role(under, "all"))
            if await create_topics(under, admin, wanted_topics(under)[:1]):
                break
    return prefix


def conclude(console: "Console", board: "Board", sent: int, taken_in: dict[str, int], differences: list[str]) -> None:
    """The day's table and totals, and whether they are as expected."""
    import time

    from meter.demo import screen
    from meter.demo.board import expected

    wanted = expected()
    console.print("\nThe day in the end:\n", style="bold")
    console.print(screen.table(board, screen.Marks(), time.monotonic(), console.width, airy=True))
    console.print()
    console.print(screen.totals(board, sent, taken_in))
    if differences:
        console.print(f"checked: {len(differences)} things are not as expected", style="bold red")
        for line in differences:
            console.print(f"  {line}", soft_wrap=True, markup=False)
        return
    figures = sum(len(figure) for figure in wanted["figures"].values())
    orders, dead = len(wanted["orders"]), sum(wanted["dead_letters"].values())
    checked = f"checked: {figures} figures, {orders} orders, {dead} dead letters as expected"
    console.print(checked, style="bold green")


def look_further(console: "Console", settings: "Settings", own: dict[str, str], stay: Stay, ours: bool) -> None:
    """Print the commands that show more of what was published; `own`: the variables of the demo's processes."""
    import shlex
    import shutil
    import sys
    from pathlib import Path

    prefix, command = own["METER_TOPIC_PREFIX"], Path(sys.executable).parent
    on_path = shutil.which("meter") == str(command / "meter")
    reach = unusual({"METER_BROKER": settings.broker, **own})
    lines = [
        *([] if on_path else [f'export PATH={shlex.quote(str(command))}:"$PATH"']),
        f"export METER_TOPIC_PREFIX={prefix} METER_BILLING_TIME_ZONE={own['METER_BILLING_TIME_ZONE']}",
        *([f"export {' '.join(reach)}"] if reach else []),
        *(["meter broker up"] if ours and not stay.keep else []),
        *([] if stay.keep else ["meter dashboard                        # the pages of this day, at the same address"]),
        "meter overages --account juniper",
        "meter overages --account orbit --json  # every charge with its lines and cause",
        "meter plans nimbus",
        *([] if stay.keep else ["meter worker                           # goes on; `meter send` gives it more"]),
    ]
    console.print(f"\nTo look further (the topics {prefix}* stay):")
    for line in lines:
        console.print(f"  {line}", soft_wrap=True, markup=False)


def unusual(variables: dict[str, str]) -> list[str]:
    """The broker and the dashboard's port as `NAME=value`, where they differ from the defaults."""
    import shlex

    from meter.settings import Settings

    usual = {f"METER_{name.upper()}": str(Settings.model_fields[name].default) for name in ("broker", "dashboard_port")}
    return [
        f"{name}={shlex.quote(variables[name])}" for name in usual if variables.get(name, usual[name]) != usual[name]
    ]
