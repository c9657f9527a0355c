"""The groups' offsets in an operator's hand, and forgotten: read again what is there, refuse what would be left out."""

from collections import Counter
from random import Random

import pytest

from tests.end_to_end.commands import run
from tests.end_to_end.kafka import wait_until
from tests.end_to_end.test_own_topics import make_topic
from tests.end_to_end.workers import READY_SECONDS, Meter
from tests.faults.killing import slices
from tests.faults.load import Load, load, settings
from tests.faults.spoiling import judged_beside_lost, refused, start_refused
from tests.faults.test_failpoints_own_topics import own
from tests.faults.topics import forget, lose_before, set_offsets
from tests.faults.verdict import back_to_zero_lag, judged
from tests.meters import StartMeter
from tests.oracle import predict

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

INTAKE, OWN, METER = "meter-intake", "meter-intake-own", "meter"
BY_ANOTHER = "by another hand (its commit has no mark of the meter)"


def places(meter: Meter, group: str) -> list[tuple[str, int, int]]:
    """Where a group stands, and which topics that are."""
    prefix = meter.kafka.prefix
    found = [
        (place.topic.removeprefix(prefix), place.partition, place.offset)
        for place in meter.kafka.offsets_of(prefix + group)
    ]
    assert found
    return found


def to_earliest(meter: Meter, group: str) -> None:
    set_offsets(meter.kafka, group, [(topic, partition, 0) for topic, partition, _ in places(meter, group)])


def to_latest(meter: Meter, group: str) -> None:
    topics = {topic for topic, *_ in places(meter, group)}
    set_offsets(meter.kafka, group, [(*place, end) for place, end in meter.kafka.ends(topics).items()])


def forgotten(meter: Meter, group: str) -> None:
    forget(meter.kafka, group)


def test_whatever_is_read_again_counts_once(new_meter: StartMeter, seed: int, rng: Random) -> None:
    meter = new_meter(settings())
    worker = meter.start().wait_ready()
    made = load(seed, meter.settings, events=1_200)
    reporting = {message.key for message in made.steps[1][:100] if message.note == "recorded"}  # in the first part
    workspaces = rng.sample(sorted(reporting), 3)
    for workspace in workspaces:
        make_topic(meter.kafka, workspace)
    hands = [
        {INTAKE: to_earliest, METER: to_earliest, OWN: to_earliest},
        {INTAKE: forgotten, METER: to_latest, OWN: forgotten},
        {METER: forgotten},
    ]
    parts = slices(own(made, workspaces), len(hands) + 1)
    feeding = Load(meter.kafka, parts[0]).join()
    back_to_zero_lag(meter)
    for hand, part in zip(hands, parts[1:], strict=True):
        assert worker.stop() == 0
        for group, act in hand.items():
            act(meter, group)
        worker = meter.start(rng.choice("ab"))
        feeding = Load(meter.kafka, part, before=feeding).join()
        back_to_zero_lag(meter)
    judged(meter, feeding)
    assert worker.stop() == 0


def test_an_offset_that_would_leave_records_out_is_refused(new_meter: StartMeter, seed: int, rng: Random) -> None:
    meter = new_meter(settings())
    parts = slices(load(seed, meter.settings, events=900).steps, 3)
    worker = meter.start().wait_ready()
    feeding = Load(meter.kafka, parts[0]).join()
    back_to_zero_lag(meter)
    assert worker.stop() == 0
    feeding = Load(meter.kafka, parts[1], before=feeding).join()
    to_latest(meter, INTAKE)
    (topic, partition, offset), *_ = sorted(places(meter, INTAKE), key=lambda place: -place[2])
    sentence = start_refused(meter, BY_ANOTHER, "set it to the beginning")
    print(sentence)
    to_earliest(meter, INTAKE)  # as it says; but one partition by the other way
    set_offsets(meter.kafka, INTAKE, [(topic, partition, offset)])
    start_refused(meter, f"{topic}/{partition}: the group's offset was set to {offset} {BY_ANOTHER}")
    code, sentence = run(meter, "skip", topic, str(partition), "0")
    assert code == 0, sentence
    meter.start()
    feeding = Load(meter.kafka, parts[2], before=feeding).join()
    back_to_zero_lag(meter)
    judged_beside_lost(meter, meter.predict(), {(topic, partition, offset)})


def test_an_own_topics_offset_set_by_another_sets_it_aside_alone(new_meter: StartMeter, seed: int) -> None:
    meter = new_meter(settings())
    made = load(seed, meter.settings, events=600)
    reporting = Counter(message.key for step in made.steps for message in step if message.note == "recorded")
    ((workspace, _),) = reporting.most_common(1)
    parts = slices(own(made, [workspace]), 2)
    worker = meter.start().wait_ready()
    make_topic(meter.kafka, workspace)
    feeding = Load(meter.kafka, parts[0]).join()
    back_to_zero_lag(meter)
    assert worker.stop() == 0
    feeding = Load(meter.kafka, parts[1], before=feeding).join()
    topic = f"usage.{workspace}"  # which the worker has not met where the first part reports nothing on it
    set_offsets(meter.kafka, OWN, [(*place, end) for place, end in meter.kafka.ends([topic]).items()])
    for _ in range(2):  # whoever looks a second time finds it aside too
        worker = meter.start().wait_ready()
        aside = f"{topic}/0 is set aside"
        wait_until("it is set aside", lambda: aside in worker.own_log(), READY_SECONDS, worker.log_text)  # noqa: B023
        assert BY_ANOTHER in worker.own_log()
        assert worker.stop() == 0
    set_offsets(meter.kafka, OWN, [(topic, 0, 0)])
    meter.start()
    back_to_zero_lag(meter)
    judged(meter, feeding)


def test_a_group_that_kafka_forgot_is_not_taken_for_a_new_one(new_meter: StartMeter, seed: int) -> None:
    meter = new_meter(settings())
    parts = slices(load(seed, meter.settings, events=600).steps, 2)
    long_ago = {"module": "tests.faults.worker", "NEW_METER_MS": "0"}
    worker = meter.start(**long_ago).wait_ready()
    feeding = Load(meter.kafka, parts[0]).join()
    back_to_zero_lag(meter)
    assert worker.stop() == 0
    read = meter.kafka.sent(meter.inputs())
    (topic, partition), end = max(meter.kafka.ends(["usage"]).items(), key=lambda place: place[1])
    Load(meter.kafka, parts[1], before=feeding).join()
    lose_before(meter.kafka, topic, partition, end + 2)
    forget(meter.kafka, INTAKE)
    refused(
        meter.start(**long_ago), f"{topic}/{partition}: the group has no offset", f"records 0 to {end + 1} are gone"
    )
    code, sentence = run(meter, "skip", topic, str(partition), str(end + 2))
    assert code == 0, sentence
    meter.start(**long_ago)
    back_to_zero_lag(meter)
    places = {record.place for record in read}
    counted = read + [record for record in meter.kafka.sent(meter.inputs()) if record.place not in places]
    judged_beside_lost(meter, predict(meter.settings, counted), {(topic, partition, 0)})
