"""The source records of an explanation, read again by the oracle, make its usage, each with the fate of SPEC."""

import json
import logging
from collections import Counter, defaultdict
from typing import Any

import pytest

from meter.explain.model import Explanation, Source
from meter.kafka.partitioner import partition_of
from tests.explain.journal_world import History, histories
from tests.oracle_figures import Cell, Figure
from tests.oracle_reading import Event, Sent, read_usage
from tests.oracle_time import billing_day, day_text, instant
from tests.simulation.truth import entries, truth

SEEDS = range(1_000, 1_120)
SLICE = 40
#: Of each cell by source partition how many records have which fate, and `at OFFSET` of each record.
Fates = dict[Cell, dict[tuple[str, int], Counter[str]]]
FATES = ("counted", "duplicate", "dead")
#: Reasons of bad records that say all the same what they are about.
READABLE = {"unknown_item", "unknown_retention", "time_in_the_future", "time_beyond_horizon"}


@pytest.mark.parametrize("first", range(0, len(SEEDS), SLICE))
def test_sources_read_again_make_the_usage(first: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    seen = Counter[str]()
    for history in histories(SEEDS[first : first + SLICE]):
        prediction = truth(history.simulator.world, [world.log for world in history.worlds])
        fates = fates_of(history, prediction)
        for cell, figure in prediction.figures.items():
            found = explained(history, cell)
            problems = [*figure_problems(found, figure), *source_problems(found, cell, fates)]
            problems += drawn_problems(found, cell, prediction)
            assert not problems, f"seed {history.seed}, {cell}: {problems}"
            seen.update(fate for source in found.sources or () for fate in FATES if getattr(source, fate))
            seen[found.charge.basis] += 1
    assert min(seen[each] for each in (*FATES, "package", "pay_as_you_go", "free")) > 5, seen


def explained(history: History, cell: Cell) -> Explanation:
    account, workspace, item, day = cell
    world = history.worlds[partition_of(account, len(history.worlds))]
    return world.explained(account, workspace, item, day_text(day), len(world.log.records) - 1, history.letters())


def figure_problems(found: Explanation, figure: Figure) -> list[str]:
    """The whole figure is the oracle's: what was reported, who covers what, each line."""
    assert found.usage.reported is not None
    pairs: list[tuple[object, object]] = [
        ({each.retention_days: each.quantity for each in found.usage.reported if each.quantity}, figure.reported),
        (found.usage.converted, figure.usage),
        ((found.covered, found.overage), (figure.covered, figure.overage)),
        (found.charge.basis, figure.basis),
        ({plan.plan_id: plan.covered for plan in found.plans if plan.covered}, figure.by_plan),
        (
            [(line.retention_days, line.quantity, line.units, line.amount) for line in found.charge.lines],
            [(line.retention, line.quantity, f"{line.units:.2f}", written(line.amount)) for line in figure.lines],
        ),
    ]
    return [f"{made} should be {wanted}" for made, wanted in pairs if made != wanted]


def first_places(history: History, prediction: Any) -> dict[Any, Any]:
    """Where the journal first has each identity with the content that stands."""
    found = {event.identity: event for event in prediction.events}
    sent_at = {sent.place: sent for sent in history.simulator.world.sent}
    first: dict[Any, Any] = {}
    for identity, place in entries([world.log for world in history.worlds]):
        event = read_usage(sent_at[place], history.simulator.world.settings, prediction.market.accounts)
        if event == found[identity]:
            first.setdefault(identity, place)
    return first


def drawn_problems(found: Explanation, cell: Cell, prediction: Any) -> list[str]:
    """Who stands before the workspace in each list, and drew how much, is the oracle's."""
    account, workspace, item, day = cell
    problems = []
    for plan in found.plans:
        listed = prediction.accounts[account].plans[plan.plan_id].listed(day)
        given = {who: prediction.figures.get((account, who, item, day)) for who in listed[: listed.index(workspace)]}
        wanted = [
            (who, each.by_plan[plan.plan_id]) for who, each in given.items() if each and each.by_plan.get(plan.plan_id)
        ]
        drawn = [(draw.workspace, draw.drawn) for draw in plan.drawn_before]
        if (drawn, plan.place, plan.listed) != (wanted, listed.index(workspace) + 1, len(listed)):
            problems.append(f"{plan.plan_id}: drawn before {drawn}, should be {wanted}")
        if plan.quota.total != prediction.accounts[account].plans[plan.plan_id].quota(item, day):
            problems.append(f"{plan.plan_id}: the quota is {plan.quota.total}")
    return problems


def written(amount: Any) -> str:
    whole, _, decimals = f"{amount:f}".partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"


def source_problems(found: Explanation, cell: Cell, fates: Fates) -> list[str]:
    """By source partition the records of the cell, and what became of them."""
    assert found.sources is not None
    result = {(each.topic, each.partition): each for each in found.sources}
    problems = [f"{place}: not told" for place in fates[cell] if place not in result]
    problems += [f"{place}: told, but holds nothing of it" for place in result if place not in fates[cell]]
    for place, source in result.items():
        wanted = fates[cell][place]
        have = {fate: getattr(source, fate) for fate in FATES if getattr(source, fate)}
        offsets = {int(name[3:]) for name in wanted if name.startswith("at ")}
        if have != {fate: number for fate, number in wanted.items() if not fate.startswith("at ")}:
            problems.append(f"{place}: {have}, should be {wanted}")
        if not offsets <= within(source) or source.records != len(offsets):
            problems.append(f"{place}: {source.ranges} should hold {offsets}")
    return problems


def within(source: Source) -> set[int]:
    return {offset for first, last in source.ranges for offset in range(first, last + 1)}


def fates_of(history: History, prediction: Any) -> Fates:
    """What became of every record that is about a cell."""
    found: Fates = defaultdict(lambda: defaultdict(Counter))
    result = {event.identity: event for event in prediction.events}
    first = first_places(history, prediction)
    accounts = prediction.market.accounts
    for sent in history.simulator.world.sent:
        if not sent.topic.startswith("usage") or sent.value is None:
            continue
        event = read_usage(sent, history.simulator.world.settings, accounts)
        if isinstance(event, Event):
            cell = (accounts[event.workspace], event.workspace, event.item, event.day)
            if event != result[event.identity]:
                fate = "dead"
            else:
                fate = "counted" if first[event.identity] == sent.place else "duplicate"
        else:
            read = read_anyway(sent, prediction)
            if read is None:
                continue
            cell, fate = read, "dead"
        found[cell][sent.topic, sent.partition].update((fate, f"at {sent.offset}"))
    return found


def read_anyway(sent: Sent, prediction: Any) -> Cell | None:
    """The cell that a bad record is about, where all that is wrong is its item, its retention or its time."""
    accounts = prediction.market.accounts
    if not set(prediction.dead.get(sent.place, ())) <= READABLE:
        return None
    event = json.loads(sent.value or b"")
    workspace, time = event.get("subject", sent.topic.removeprefix("usage.")), instant(event["time"])
    if workspace not in accounts or time is None:
        return None
    return accounts[workspace], workspace, event["data"]["item"], billing_day(time, "+00:00")
