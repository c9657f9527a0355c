"""`meter explain` on a real Kafka: every published revision recomputed from its answer, every record's fate."""

import asyncio
import json
import time
from collections import Counter
from dataclasses import replace
from fractions import Fraction

import pytest
from confluent_kafka import TopicPartition

from meter.explain.model import RecordFate
from meter.explain.reading import Wanted, explain
from meter.explain.record_fate import fate_of
from meter.rules.billing_days import parse_day
from meter.settings import Settings as MeterSettings
from tests import records, revisions
from tests.end_to_end.commands import run
from tests.end_to_end.workers import Meter
from tests.explain import laws
from tests.meters import StartMeter
from tests.oracle_reading import Settings
from tests.oracle_time import billing_day, day_text
from tests.records import Message, pay, traffic
from tests.scenarios import midnight_zone

pytestmark = pytest.mark.e2e

MILLION = 1_000_000


def story(now_us: int) -> list[list[Message]]:
    """B reports first, A pushes it over; repeats, a conflict, bad records, corrections, orders that change the day."""

    def use(workspace: str, number: int, item: str, quantity: int, **more: bool | int) -> Message:
        return records.usage_message(records.usage(workspace, item, quantity, now_us, id=str(number), **more))  # type: ignore[arg-type]

    list_ab = ["A", "B"]
    startup = records.purchase("acct", "o-1", "startup", list_ab, [pay("103380.00")], traffic=[traffic("logs", 110)])
    orders = [records.top_up("acct", "t", "1000000"), startup, {**startup, "order_id": "o-2", "plan": "growth"}]
    turned = records.management("acct", "o-3", "change_workspaces", "o-1", workspaces=["B", "A"])
    more = records.management(
        "acct", "o-4", "add_traffic", "o-1", traffic=[traffic("logs", 10)], payments=[pay("5580")]
    )
    return [
        [records.binding_message(records.binding(workspace, "acct")) for workspace in "ABC"],
        [records.order_message(order) for order in (*orders, startup)],
        [
            use("B", 1, "logs", 100 * MILLION),
            use("C", 2, "logs", 3 * MILLION, retention=60),
            use("A", 3, "datakit", 25),
        ],
        [
            use("A", 4, "logs", 50 * MILLION),
            use("A", 5, "logs", 25 * MILLION, retention=30),
            use("A", 6, "datakit", 30),
        ],
        [
            use("B", 1, "logs", 100 * MILLION),
            use("B", 1, "logs", 100 * MILLION + 1),
            use("B", 7, "clouds", 5),
            use("D", 8, "logs", 5),
            Message("usage", "A", None),
            Message("usage", "A", b"no JSON"),
            use("A", 9, "datakit", 22, corrected=True),
        ],
        [
            use("A", 10, "logs", -20 * MILLION, corrected=True),
            use("C", 11, "logs", -4 * MILLION, corrected=True, retention=60),
        ],
        [records.order_message(more)],
        [records.order_message(turned)],
        [use("C", 12, "logs", 2 * MILLION)],
    ]


def test_every_revision_and_every_record_is_explained(new_meter: StartMeter, monkeypatch: pytest.MonkeyPatch) -> None:
    now_us = time.time_ns() // 1000
    meter = new_meter(Settings(midnight_zone(now_us, 12 * 3600)))
    worker = meter.start().wait_ready()
    for step in story(now_us):
        meter.kafka.send(step)
        meter.settle()
    for name, setting in meter.variables.items():
        monkeypatch.setenv(name, setting)
    settings = MeterSettings.load()
    day = day_text(billing_day(now_us, meter.settings.zone))

    published = revisions.by_key(meter.kafka.published("overages"))
    assert len(published) > 3 and sum(map(len, published.values())) > 10, published
    for key, those in published.items():
        account, workspace, item, _ = key.split("/")
        wanted = Wanted(account, workspace, item, parse_day(day))
        for value in those:
            found = asyncio.run(explain(settings, replace(wanted, revision=value["revision"])))
            assert [*laws.of_figure(found, value), *laws.of_history(found)] == [], f"{key} at {value['revision']}"
        quick = asyncio.run(explain(settings, replace(wanted, sources=False)))
        assert (quick.overage, quick.charge.amount, quick.notes) == (value["overage"], value["charge"]["amount"], [])
        assert quick.sources is None and quick.sources_reason
    a_command_says_it(meter, day, published[f"acct/B/logs/{day}"])
    fates_are_right(meter, settings)
    assert worker.stop() == 0
    without_the_journal_the_figures_are_explained(meter, settings, Wanted("acct", "B", "logs", parse_day(day)))


def a_command_says_it(meter: Meter, day: str, those: list[laws.Json]) -> None:
    """B is second in the list, then first: each driver of the change is named."""
    first, last = those[0], those[-1]
    code, logged = run(
        meter, "explain", "acct", "B", "logs", day, "--compare-revision", str(first["revision"]), "--json"
    )
    found = json.loads(logged)
    assert code == 0
    drivers = found["drivers"]
    assert drivers["units"] == last["overage"] - first["overage"] == sum(step["units"] for step in drivers["steps"])
    assert Fraction(drivers["amount"]) == sum(Fraction(step["amount"]) for step in drivers["steps"])
    assert sum(source["counted"] for source in found["sources"]) == 1
    assert sum(source["duplicate"] for source in found["sources"]) == 1
    assert sum(source["dead"] for source in found["sources"]) == 1
    code, logged = run(meter, "explain", "acct", "B", "logs", day, "--revision", str(first["revision"]))
    sentence = " ".join(logged.partition("\n\n")[0].split())
    assert (code, sentence) == (
        0,
        "B is over by 50 M of logs (75.00 CNY) because A, which comes before it in plan o-1, used 100 M of the plan's "
        "150 M.",
    )


def fates_are_right(meter: Meter, settings: MeterSettings) -> None:
    """The oracle says what became of each record; of a duplicate the record that counts is named."""
    prediction = meter.predict()
    seen: Counter[str] = Counter()
    for sent in meter.kafka.sent():
        fate = asyncio.run(fate_of(settings, *sent.place))
        seen[fate.fate] += 1
        dead = prediction.dead.get(sent.place)
        assert (fate.fate == "null") == (sent.value is None), fate
        assert (fate.fate == "dead", fate.reason if dead else None) == (dead is not None, dead[0] if dead else None), (
            fate
        )
        if fate.fate == "duplicate":
            assert fate.duplicate_of is not None
            first = asyncio.run(
                fate_of(settings, fate.duplicate_of.topic, fate.duplicate_of.partition, fate.duplicate_of.offset)
            )
            assert first.fate == "counted", first
    outcomes = [outcome.reason for outcome in prediction.outcomes.values()]
    assert seen["refused"] == sum(reason is not None for reason in outcomes)
    assert seen["duplicate"] == sum(counts["duplicate"] for counts in prediction.counts.values())
    assert seen["counted"] + seen["refused"] == sum(counts["counted"] for counts in prediction.counts.values())
    code, found = run(meter, "explain", "--record", "workspaces", "0", "3", "--json")
    assert (code, json.loads(found)["fate"]) == (0, "not_there_yet")


def without_the_journal_the_figures_are_explained(meter: Meter, settings: MeterSettings, wanted: Wanted) -> None:
    """What retention does to the journal after a long time: the last rung goes, with the reason, the others stay."""
    before = asyncio.run(explain(settings, wanted))
    ends = {partition: end for (_, partition), end in meter.kafka.ends(["meter.journal"]).items()}
    places = [TopicPartition(f"{meter.kafka.prefix}meter.journal", partition, end) for partition, end in ends.items()]
    for done in meter.kafka.admin.delete_records(places).values():
        done.result(30)
    after = asyncio.run(explain(settings, wanted))
    assert after.sources is None and "meter.journal" in (after.sources_reason or "")
    assert (after.sentence, after.plans, after.charge, after.notes) == (
        before.sentence,
        before.plans,
        before.charge,
        [],
    )
    usage = next(sent for sent in meter.kafka.sent() if sent.topic == "usage" and b'"id":"1"' in (sent.value or b""))
    gone: RecordFate = asyncio.run(fate_of(settings, *usage.place))
    assert gone.fate == "gone"
