"""The journal and the changelog deleted, cut, made again or grown: refused with the difference, or right."""

from collections.abc import Sequence
from random import Random

import pytest

from tests.end_to_end.kafka import JOURNAL, wait_until
from tests.end_to_end.workers import Meter
from tests.faults.killing import slices
from tests.faults.load import Load, load, settings
from tests.faults.spoiling import start_refused
from tests.faults.topics import APPEND_TIME, create, delete, grow, lose_before, set_config
from tests.faults.verdict import ZERO_LAG_SECONDS, back_to_zero_lag, judged
from tests.meters import StartMeter
from tests.records import Message

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

CHANGELOG = "meter.changelog"
PARTITIONS = 4
COMPACT = {"cleanup.policy": "compact", "max.message.bytes": str(8 << 20)}
JOURNAL_KEPT = APPEND_TIME | {"retention.ms": "-1", "max.message.bytes": str(2 << 20)}
Parts = list[list[Sequence[Message]]]


def fed(new_meter: StartMeter, seed: int, parts: int = 1, events: int = 600) -> tuple[Meter, Load, Parts]:
    """A meter that was stopped after the first part of a load; the load, and the parts that are left."""
    meter = new_meter(settings())
    first, *rest = slices(load(seed, meter.settings, events=events).steps, parts)
    worker = meter.start().wait_ready()
    feeding = Load(meter.kafka, first).join()
    back_to_zero_lag(meter)
    assert worker.stop() == 0
    return meter, feeding, rest


def test_a_lost_changelog_is_refused_with_a_store_and_without(new_meter: StartMeter, seed: int) -> None:
    meter, *_ = fed(new_meter, seed)
    delete(meter.kafka, CHANGELOG)
    start_refused(meter, f"{CHANGELOG}/", "ends at 0, the local store holds it up to", "begin under another prefix")
    start_refused(meter, "holds no state: the changelog was deleted; restore it", name="without-a-store")
    delete(meter.kafka, CHANGELOG)
    create(meter.kafka, CHANGELOG, PARTITIONS, **COMPACT)
    start_refused(meter, "ends at 0, the local store holds it up to")
    assert not meter.kafka.lag((JOURNAL,)), "nobody folded anything anew"


def test_a_changelog_without_its_beginning_serves_only_who_has_a_store(new_meter: StartMeter, seed: int) -> None:
    meter, feeding, (part,) = fed(new_meter, seed, 2)
    set_config(meter.kafka, CHANGELOG, "cleanup.policy", "delete")  # else Kafka refuses to cut it
    for (_, partition), end in meter.kafka.ends([CHANGELOG]).items():
        lose_before(meter.kafka, CHANGELOG, partition, end // 2)
    set_config(meter.kafka, CHANGELOG, "cleanup.policy", "compact")
    start_refused(meter, f"{CHANGELOG}/", "begins at", "the local store holds it up to 0", name="without-a-store")
    worker = meter.start()
    feeding = Load(meter.kafka, part, before=feeding).join()
    back_to_zero_lag(meter)
    judged(meter, feeding)
    assert worker.stop() == 0


def test_a_lost_journal_is_refused_before_anything_is_written_to_a_new_one(new_meter: StartMeter, seed: int) -> None:
    meter, feeding, (part,) = fed(new_meter, seed, 2)
    Load(meter.kafka, part, before=feeding).join()
    before = meter.kafka.committed()
    delete(meter.kafka, JOURNAL)
    for name in ("a", "without-a-store"):
        start_refused(meter, f"{JOURNAL}/0 is empty", f"{CHANGELOG}/0 holds the state of meter", name=name)
    assert not any(meter.kafka.ends([JOURNAL]).values())
    delete(meter.kafka, CHANGELOG)
    start_refused(meter, f"{JOURNAL}/0 is empty", "the intake has read", "up to", name="without-anything")
    assert not any(meter.kafka.ends([JOURNAL]).values())
    after = meter.kafka.committed()
    assert {place: after[place] for place in after if place[0] != JOURNAL}.items() <= before.items()


def test_a_journal_made_again_beside_its_state_is_refused(new_meter: StartMeter, seed: int) -> None:
    meter, *_ = fed(new_meter, seed)
    delete(meter.kafka, JOURNAL)
    create(meter.kafka, JOURNAL, PARTITIONS, **JOURNAL_KEPT)
    kept = meter.kafka.prefix
    other = new_meter(meter.settings)  # opens a journal of its own, whose records come to stand in this one's place
    worker = other.start().wait_ready()
    assert worker.stop() == 0
    for record in other.kafka.read(JOURNAL):
        meter.kafka.producer.produce(kept + JOURNAL, record.value(), partition=record.partition() or 0)
    meter.kafka.producer.flush()
    for name in ("a", "without-a-store"):
        start_refused(meter, f"{JOURNAL}/", "the journal was made again: restore it", name=name)


def test_a_journal_cut_before_the_position_harms_nobody_and_behind_it_is_refused(
    new_meter: StartMeter, seed: int, rng: Random
) -> None:
    meter, feeding, (part,) = fed(new_meter, seed, 2)
    for (topic, partition), end in meter.kafka.ends([JOURNAL]).items():
        lose_before(meter.kafka, topic, partition, rng.randint(1, end))
    worker = meter.start(rng.choice(("a", "without-a-store"))).wait_ready()
    back_to_zero_lag(meter)
    assert worker.stop() == 0
    ends = meter.kafka.ends([JOURNAL])
    intake = meter.start("b", role="intake")
    feeding = Load(meter.kafka, part, before=feeding).join()
    wait_until("the journal has all", lambda: not meter.kafka.lag(meter.inputs()), ZERO_LAG_SECONDS, meter.logs)
    assert intake.stop() == 0
    (topic, partition), end = max(meter.kafka.ends([JOURNAL]).items(), key=lambda place: place[1] - ends[place[0]])
    lose_before(meter.kafka, topic, partition, end)
    gone = f"holds offsets {end} to {end - 1}, the state was folded up to {ends[topic, partition] - 1}"
    start_refused(meter, f"{topic}/{partition}", gone, "records are missing; restore the journal")


def test_more_partitions_of_usage_are_read_too(new_meter: StartMeter, seed: int) -> None:
    meter = new_meter(settings())
    parts = slices(load(seed, meter.settings, events=1_000).steps, 3)
    worker = meter.start().wait_ready()
    feeding = Load(meter.kafka, parts[0]).join()
    grow(meter.kafka, "usage", 7)
    feeding = Load(meter.kafka, parts[1], before=feeding).join()
    back_to_zero_lag(meter)
    assert worker.stop() == 0
    grow(meter.kafka, "usage", 9)
    meter.start()
    feeding = Load(meter.kafka, parts[2], before=feeding).join()
    back_to_zero_lag(meter)
    judged(meter, feeding)
