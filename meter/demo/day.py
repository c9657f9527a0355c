"""The demo's day as steps in the order in which records arrive: the same in every run, except for the date.

Every half hour each workspace reports each item once. A few reports come twice, some late; between them people
order, upgrade and correct, and a few records are bad. `day_steps` is a function of the instant at which the day begins.
"""

from random import Random
from typing import NamedTuple

from meter.demo import story
from meter.demo.bad_records import EVENING, MORNING, NOON, bad_records
from meter.demo.curves import SLOT_MINUTES, SLOTS, levels, parts
from meter.demo.records import MINUTE_US, Sent, binding, event, order, usage

SEED = 20_240_131
#: One report in so many is sent a second time.
TWICE_IN = 32
SLOT_US = SLOT_MINUTES * MINUTE_US


class Step(NamedTuple):
    """What arrives at a minute of the day; `tells` says what happens, of `account` (half-hourly reports: nothing)."""

    minute: int
    records: tuple[Sent, ...]
    tells: str = ""
    account: str = ""


class Reports(NamedTuple):
    """The day's half-hourly reports: those in time by the slot in which they arrive, the late ones by workspace."""

    in_time: list[list[Sent]]
    late: dict[str, list[Sent]]


def day_steps(day_us: int) -> list[Step]:
    """Every step of the day that begins at `day_us` (µs), in order."""
    arriving = reports(day_us)
    steps = [Step(slot * SLOT_MINUTES, tuple(records)) for slot, records in enumerate(arriving.in_time) if slot]
    steps += [Step(late.until, tuple(arriving.late[late.workspace]), late.tells, late.account) for late in story.LATE]
    steps += happenings(day_us)
    steps.sort(key=lambda step: step.minute)  # stable: what happens at a minute follows its reports
    return [Step(0, opening(), story.OPENS), *steps]


def opening() -> tuple[Sent, ...]:
    """Workspaces, then orders: what stands before the first report."""
    bindings = [binding(each.name, each.account, each.tier) for each in story.WORKSPACES]
    return (*bindings, *(order(dict(each)) for each in story.FIRST_ORDERS))


def reports(day_us: int) -> Reports:
    """Every report of the day; one in `TWICE_IN` arrives a second time, an hour later."""
    random = Random(SEED)
    found = Reports([[] for _ in range(SLOTS + 1)], {late.workspace: [] for late in story.LATE})
    for workspace in story.WORKSPACES:
        for number, use in enumerate(workspace.uses):
            spread = levels if use.item == "datakit" else parts
            for slot, quantity in enumerate(spread(use.total, use.curve, random), 1):
                bits = random.getrandbits(64)
                if quantity == 0:
                    continue
                at = day_us + slot * SLOT_US - (bits % 1500) * 1_000_000
                name = f"{use.item}-{number}-{bits:016x}"
                record = usage(event(workspace.name, use.item, quantity, at, name, use.retention_days))
                (found.late[workspace.name] if is_late(workspace.name, slot) else found.in_time[slot]).append(record)
                if bits >> 32 & (TWICE_IN - 1) == 0:
                    found.in_time[min(slot + 2, SLOTS)].append(record)
    return found


def is_late(workspace: str, slot: int) -> bool:
    """Whether a workspace's report of a slot is kept back."""
    minute = slot * SLOT_MINUTES
    return any(late.workspace == workspace and late.since < minute <= late.until for late in story.LATE)


def happenings(day_us: int) -> list[Step]:
    """What is not a half-hourly report."""
    bad = bad_records(day_us)
    workspace, item, quantity = story.CORRECTION
    correction = event(workspace, item, quantity, day_us + 11 * 60 * MINUTE_US, "pipeline-counted-twice")
    upgrade = binding(**story.NIMBUS_UPGRADE)
    return [
        Step(MORNING, bad[MORNING], "orbit sets up a collector by hand: five records that cannot be counted"),
        Step(600, (order(story.NIMBUS_TOO_EARLY),), "nimbus puts nimbus-beta, still free, on its plan", "nimbus"),
        Step(660, (order(story.ORBIT_TOO_DEAR),), "orbit buys a Startup plan with 5,000.00 in its wallet", "orbit"),
        Step(NOON, bad[NOON], "lumen's new agent writes records in its own way: three more"),
        Step(780, (upgrade,), "nimbus-beta goes commercial: its whole day is charged by usage", "nimbus"),
        Step(840, (order(story.NIMBUS_LIST),), "nimbus puts nimbus-beta on its plan again, last in the list", "nimbus"),
        Step(990, (order(story.LUMEN_TRAFFIC),), "lumen adds 30 traffic packages for logs to its plan", "lumen"),
        Step(EVENING, bad[EVENING], "wrong clocks, an id used twice, a workspace that moves: four more"),
        Step(
            1260,
            (usage({**correction, "type": "usage.corrected"}),),
            "juniper-store takes back 38 M of logs",
            "juniper",
        ),
    ]
