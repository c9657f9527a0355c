"""A worker dies while workspace topics are followed, set aside, skipped."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest

from tests.end_to_end.commands import run
from tests.end_to_end.judged import dead_letters, figure_problems, order_problems
from tests.end_to_end.kafka import wait_until
from tests.end_to_end.test_own_topics import gone_before, make_topic
from tests.end_to_end.workers import READY_SECONDS, Meter
from tests.faults import points
from tests.faults.killing import die, slices, start_to_die
from tests.faults.load import Load, load, settings
from tests.faults.verdict import back_to_zero_lag
from tests.meters import StartMeter
from tests.oracle import predict
from tests.oracle_check import dead_differences
from tests.records import Message
from tests.scenarios import Scenario

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

OWN_TOPICS = 6
LOST, LEFT = 4, 3


def test_a_worker_may_die_while_it_follows_own_topics_sets_one_aside_and_skips_its_gap(
    new_meter: StartMeter, seed: int, rng: Random
) -> None:
    meter = new_meter(settings())
    followed, packed, acknowledged, committed, aside, found, skipped = points.OWN_TOPICS
    die(start_to_die(meter, "opening.copied"), "opening.copied")  # the topics are there
    made = load(seed, meter.settings, accounts=8, events=600)
    workspaces = rng.sample(sorted({message.key for message in made.steps[0]}), OWN_TOPICS)
    reports = Counter(message.key for message in made.messages if message.note == "recorded")
    workspaces.sort(key=lambda workspace: -reports[workspace])  # of the first some are lost, and some are left
    for workspace in workspaces:
        make_topic(meter.kafka, workspace)
    parts = slices(own(made, workspaces), 5)
    fed = die_at(meter, followed, 1, parts[0], None)
    fed = die_at(meter, packed, 1, parts[1], fed)
    fed = die_at(meter, acknowledged, 1, parts[2], fed)
    fed = die_at(meter, committed, rng.randint(1, 2), parts[3], fed)
    worker = meter.start()
    back_to_zero_lag(meter)
    assert worker.stop() == 0
    counted = meter.kafka.sent([f"usage.{workspaces[0]}"])
    offset = gap(meter, workspaces[0], made)
    fed = die_at(meter, aside, 1, [], fed)
    code, sentence = run(meter, "skip", f"usage.{workspaces[0]}", "0", str(offset))
    assert code == 0, sentence
    fed = die_at(meter, found, 1, parts[4], fed)
    die_at(meter, skipped, 1, [], fed)
    meter.start()
    back_to_zero_lag(meter)
    letters = dead_letters(meter.kafka)
    lost = {place for place, reason in letters if reason == "records_lost"}
    assert lost == {(f"usage.{workspaces[0]}", 0, offset - LOST)}
    prediction = predict(meter.settings, counted + meter.kafka.sent(meter.inputs()))
    problems = figure_problems(meter, prediction) + order_problems(meter, prediction)
    others = [(place, reason) for place, reason in letters if place not in lost]
    assert not problems + dead_differences(prediction, others, crashed=True)


def own(made: Scenario, workspaces: Sequence[str]) -> list[list[Message]]:
    """The steps, with what these workspaces report of themselves going to their own topics, and no conflicts of it:

    which of two contents through two topics is the first nobody can say.
    """
    return [
        [
            replace(message, topic=f"usage.{message.key}")
            if message.note == "recorded" and message.key in workspaces
            else message
            for message in step
            if message.note != "conflicting" or message.key not in workspaces
        ]
        for step in made.steps
    ]


def die_at(meter: Meter, failpoint: str, nth: int, part: Sequence[Sequence[Message]], before: Load | None) -> Load:
    """A worker starts, is fed, and dies."""
    worker = start_to_die(meter, failpoint, nth)
    fed = before
    for some in slices(part, nth):  # what is there at once may be read, and committed, at once
        if nth > 1:
            wait_until(
                "it has all, or is dead",
                lambda: not worker.alive() or (worker.ready() and not meter.kafka.lag(meter.inputs())),
                READY_SECONDS,
                meter.logs,
            )
        fed = Load(meter.kafka, some, pace=200, before=fed)
        if nth > 1:
            fed.join()
    die(worker, failpoint)
    assert fed is not None
    return fed.join()


def gap(meter: Meter, workspace: str, made: Scenario) -> int:
    """Records of a workspace topic go before they are read, later ones stay; the offset of the first that stays."""
    again = [replace(message, topic=f"usage.{workspace}") for message in made.messages if message.key == workspace]
    more = [message for message in again if message.note == "recorded"][: LOST + LEFT]
    assert len(more) == LOST + LEFT
    offset = meter.kafka.ends([f"usage.{workspace}"])[f"usage.{workspace}", 0] + LOST
    gone_before(meter.kafka, workspace, offset, more)
    return offset
