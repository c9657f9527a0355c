"""The reading of `meter explain` over the logs of random histories, with aborted transactions and compacted state.

Nothing is handed to it but the logs: it finds facts, revisions, plans, letters and the journal by itself.
"""

import asyncio
import logging
from collections import Counter
from typing import Any

import pytest

from meter.explain.model import RecordFate, Where
from meter.explain.reading import Wanted, explained
from meter.explain.record_fate import fate
from meter.kafka.partitioner import partition_of
from meter.kafka.topics import Topics
from meter.rules.billing_days import parse_day
from tests.explain import laws
from tests.explain.journal_world import History, histories
from tests.explain.simulated_logs import logs_of
from tests.explain.test_sources import first_places
from tests.oracle_reading import Event, Sent, read_usage
from tests.simulation.truth import truth

FIGURES, FATES = range(5_000, 5_060), range(6_000, 6_060)
TOPICS = Topics.of("")
END = 1 << 40


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """The simulation logs what goes wrong in it."""
    caplog.set_level(logging.CRITICAL)


def explain(history: History, value: dict[str, Any], **more: Any) -> Any:
    """What `meter explain` answers."""
    cluster, account = history.simulator.cluster, value["account"]
    wanted = Wanted(account, value["workspace"], value["item"], parse_day(value["day"]), **more)
    partition = partition_of(account, history.simulator.partitions)
    return asyncio.run(explained(logs_of(cluster), TOPICS, partition, wanted))


def test_every_revision_is_found_and_explained() -> None:
    figures = 0
    for history in histories(FIGURES):
        for world in history.worlds:
            latest = {each.key: each.value for each in world.published()}
            for each in world.published():
                found = explain(history, each.value, revision=each.offset)
                problems = [*laws.of_figure(found, each.value), *laws.of_history(found)]
                assert not problems, f"seed {history.seed}, {each.key} at {each.offset}: {problems}"
                figures += 1
            for key, value in latest.items():
                newest = explain(history, value)
                problems = [*laws.of_figure(newest, value), *laws.of_history(newest)]
                assert not problems, f"seed {history.seed}, {key}: {problems}"
                quick = explain(history, value, sources=False)
                result = (quick.covered, quick.overage, quick.charge.amount, quick.notes, quick.sources)
                wanted: Any = (value["covered"], value["overage"], value["charge"]["amount"], [], None)
                assert result == wanted, f"seed {history.seed}, {key}, without sources"
    assert figures > 100


def test_two_revisions_are_compared() -> None:
    compared = 0
    for history in histories(FIGURES):
        for world in history.worlds:
            firsts: dict[str, Any] = {}
            for each in world.published():
                first = firsts.setdefault(each.key, each)
                if first is not each:
                    found = explain(history, each.value, revision=each.offset, compare_revision=first.offset).drivers
                    assert found.units == each.value["overage"] - first.value["overage"]
                    assert sum(step.units for step in found.steps) == found.units
                    assert (found.before.revision, found.after.revision) == (first.offset, each.offset)
                    compared += 1
    assert compared > 50


def test_the_fate_of_every_record() -> None:
    seen: Counter[str] = Counter()
    for history in histories(FATES):
        world = history.simulator.world
        prediction = truth(world, [each.log for each in history.worlds])
        first, result = first_places(history, prediction), {event.identity: event for event in prediction.events}
        for sent in world.sent:
            where = Where(topic=sent.topic, partition=sent.partition, offset=sent.offset)
            found = asyncio.run(fate(logs_of(history.simulator.cluster), TOPICS, where, END))
            assert found.fate in fates_allowed(sent, prediction), f"seed {history.seed}: {found}"
            event = (
                None
                if sent.value is None or not sent.topic.startswith("usage")
                else usage_of(history, sent, prediction)
            )
            if event is not None and result.get(event.identity) == event:
                problems = of_counted(found, event, first[event.identity], sent)
                assert not problems, f"seed {history.seed}: {problems}"
            if found.fate == "dead":
                assert found.reason in prediction.dead[sent.place], f"seed {history.seed}: {found}"
            seen[f"{found.kind} {found.fate}"] += 1
    assert min(seen[f"usage {each}"] for each in ("counted", "duplicate", "dead")) > 5, seen
    assert min(seen[f"order {each}"] for each in ("counted", "refused", "duplicate")) > 5, seen
    assert min(seen[f"workspace {each}"] for each in ("counted", "duplicate")) > 2, seen


def usage_of(history: History, sent: Sent, prediction: Any) -> Event | None:
    event = read_usage(sent, history.simulator.world.settings, prediction.market.accounts)
    return event if isinstance(event, Event) else None


def of_counted(found: RecordFate, event: Event, first: Any, sent: Sent) -> list[str]:
    """A record whose content stands counts at the first of its places; the others name that one."""
    pairs: list[tuple[object, object]] = [
        (found.fate, "counted" if first == sent.place else "duplicate"),
        ((found.workspace, found.item, found.quantity), (event.workspace, event.item, event.quantity)),
    ]
    if found.duplicate_of is not None:
        pairs.append(((found.duplicate_of.topic, found.duplicate_of.partition, found.duplicate_of.offset), first))
    return [f"{made} should be {wanted}" for made, wanted in pairs if made != wanted]


def fates_allowed(sent: Sent, prediction: Any) -> set[str]:
    """What the oracle leaves open: which of several records counts, and what is decided of an order."""
    if sent.value is None:
        return {"null"}
    if sent.place in prediction.dead:
        return {"dead"}
    return {"counted", "duplicate", "refused"} if sent.topic == "plan-purchases" else {"counted", "duplicate"}
