"""`meter redrive`: which letters go again, as what, and why others do not; sending itself is end to end."""

import json
from base64 import b64encode
from hashlib import sha256
from typing import Any

import pytest

from meter.cli.redrive import totals
from meter.commands import redrive as redriving
from meter.commands import redriven
from meter.commands.redrive import (
    Left,
    Plan,
    RecordPosition,
    Sendable,
    completed,
    in_order,
    is_input,
    planned,
    sendable,
)
from meter.commands.redriven import Runs, SentBefore, notes_of, runs_of
from meter.rules.outputs.dead_letters import dead_letter
from meter.rules.outputs.shared_letters import summary_letter
from schemas.control import Redriven, control_from_json
from schemas.dead_letters import DeadLetter
from schemas.reasons import DeadReason
from tests import records
from tests.test_command import meter

TOPICS = frozenset({"usage", "workspaces", "plan-purchases", "usage.wksp_a", "overages", "meter.journal"})
EVENT = records.json_bytes(records.usage("wksp_a", "logs", 5, 0, id="1"))
HEADERS: tuple[tuple[str, bytes | None], ...] = (("content-type", b"\xff"), ("empty", None), ("content-type", b""))


def letter(offset: int = 0, *, topic: str = "usage", value: bytes | None = EVENT, **rest: Any) -> DeadLetter:
    reason = rest.pop("reason", DeadReason.WORKSPACE_UNKNOWN)
    key, headers, rebuilt = rest.pop("key", b"k"), rest.pop("headers", HEADERS), rest.pop("rebuilt", False)
    made = dead_letter(reason, "a reason", topic, 3, offset, key, value, headers, 0, rebuilt=rebuilt)
    return DeadLetter.model_validate_json(made.json_bytes())


def plan(letters: list[DeadLetter], runs: list[Redriven] | None = None, *, again: bool = False, **rest: Any) -> Plan:
    places = [(RecordPosition(number % 2, number), each) for number, each in enumerate(letters)]
    return planned(places, runs or [], rest.get("reasons", []), TOPICS, again)


def run(through: dict[str, int], *reasons: DeadReason, sent: Runs | None = None) -> Redriven:
    return Redriven(kind="redriven", reasons=list(reasons), through=through, sent=sent, at="2026-01-31T08:00:00Z")


def summary(*ranges: list[int], topic: str = "usage", reason: DeadReason = DeadReason.NOT_JSON) -> DeadLetter:
    """A letter that sums up the records at these offsets."""
    count = sum(last - first + 1 for first, last in ranges)
    made = summary_letter({reason: count}, "a reason", topic, 3, list(ranges), 0, sha256(b"").hexdigest())
    return DeadLetter.model_validate_json(made.json_bytes())


def left(made: Plan) -> list[Left]:
    return [why for _, why, _ in made.left]


def test_a_record_goes_again_as_it_stood() -> None:
    made = sendable(letter(), TOPICS)
    assert isinstance(made, Sendable)
    assert (made.topic, made.key, made.value, made.headers, made.whole) == ("usage", b"k", EVENT, HEADERS, True)
    nothing = sendable(letter(value=b"", key=None, headers=()), TOPICS)
    assert isinstance(nothing, Sendable)
    assert (nothing.key, nothing.value, nothing.headers) == (None, b"", ())


def test_a_rebuilt_one_goes_as_a_structured_event_under_its_workspace() -> None:
    made = sendable(letter(key=None, headers=(), rebuilt=True), TOPICS)
    assert isinstance(made, Sendable)
    assert (made.key, made.value) == (b"wksp_a", EVENT)
    assert made.headers == (("content-type", b"application/cloudevents+json; charset=UTF-8"),)
    order = records.json_bytes(records.top_up("acct_1", "t-1", "5.00"))
    made = sendable(letter(topic="plan-purchases", value=order, key=None, headers=(), rebuilt=True), TOPICS)
    assert isinstance(made, Sendable)
    assert (made.key, made.value, made.headers) == (b"acct_1", order, ())


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("overages", "no input topic"),
        ("meter.journal", "no input topic"),
        ("dead-letters", "no input topic"),
        ("usage.", "no input topic"),
        ("usage.a/b", "no input topic"),
        ("staging.usage", "no input topic"),
        ("usage.gone", "there is no topic usage.gone any more"),
    ],
)
def test_nothing_is_sent_anywhere_but_to_input_topics(topic: str, expected: str) -> None:
    made = sendable(letter(topic=topic), TOPICS)
    assert isinstance(made, str)
    assert expected in made
    assert is_input("usage.wksp_a") and is_input("plan-purchases")


def test_a_lost_range_is_named_not_sent() -> None:
    lost = letter(value=None, reason=DeadReason.RECORDS_LOST)
    made = plan([lost])
    assert (made.send, left(made)) == ([], [Left.OTHER])
    assert "lost" in made.left[0][2]


@pytest.mark.parametrize(
    "cut", [{"value": b"x" * 20_000}, {"key": b"k" * 20_000}, {"headers": (("h", b"x" * 20_000),)}]
)
def test_what_is_cut_is_completed_from_its_source_if_it_is_the_same(cut: dict[str, Any]) -> None:
    made = sendable(letter(**cut), TOPICS)
    assert isinstance(made, Sendable)
    assert not made.whole
    value = cut.get("value", EVENT)
    whole = completed(made, b"key", value, HEADERS)
    assert isinstance(whole, Sendable)
    assert (whole.key, whole.value, whole.headers, whole.whole) == (b"key", value, HEADERS, True)
    assert "another record stands at usage/3/0" in str(completed(made, b"key", value + b"x", HEADERS))
    assert "is gone" in str(completed(made, None, None, ()))


def test_letters_of_a_run_are_left_out_of_the_next_and_new_ones_are_not() -> None:
    letters = [letter(number, value=b"%d" % number) for number in range(4)]
    made = plan(letters, [run({"0": 1, "1": 2})])
    assert [each.letter.offset for each in made.send] == [2, 3]
    assert left(made) == [Left.BEFORE, Left.BEFORE]
    assert made.through == {0: 3, 1: 4}
    assert len(plan(letters, [run({"0": 1, "1": 2})], again=True).send) == 4


def test_a_run_of_one_reason_says_nothing_of_another() -> None:
    letters = [letter(0, reason=DeadReason.NOT_JSON, value=b"a"), letter(1, value=b"b")]
    made = plan(letters, [run({"0": 9, "1": 9}, DeadReason.NOT_JSON)])
    assert [each.letter.reason for each in made.send] == [DeadReason.WORKSPACE_UNKNOWN]
    assert left(made) == [Left.BEFORE]
    assert plan(letters, reasons=[DeadReason.NOT_JSON]).send[0].value == b"a"
    assert len(plan(letters, reasons=[DeadReason.NOT_JSON]).send) == 1


def test_a_record_that_died_again_is_left_out_wherever_its_letters_stand() -> None:
    once, again, other = letter(5), letter(9), letter(10, value=b"other")
    for letters in ([again, once, other], [once, again, other]):
        number = letters.index(once)
        made = plan(letters, [run({str(number % 2): number + 1 if number else 1})])
        assert [each.letter.offset for each in made.send] == [10]
        assert sorted(left(made)) == sorted([Left.BEFORE, Left.DIED_AGAIN])


def test_a_letter_written_twice_is_one() -> None:
    assert len(plan([letter(7), letter(7)]).send) == 1


@pytest.mark.parametrize("again", [False, True])
def test_records_of_one_content_are_sent_once_however_many_letters_tell_of_them(again: bool) -> None:
    letters = [letter(number) for number in range(64)] + [letter(99, value=b"other")]
    made = plan(letters, [run({"0": 9, "1": 9})] if again else [], again=again)
    assert [each.letter.offset for each in made.send] == [0, 99]
    assert made.left_out == {("workspace_unknown", "usage", Left.SAME): 63}


def test_binary_events_with_the_same_data_are_two_records() -> None:
    headers = [(("ce_id", name), ("ce_specversion", b"1.0")) for name in (b"1", b"2")]
    one, other = (letter(number, value=b"{}", headers=each) for number, each in enumerate(headers))
    assert len(plan([one, other]).send) == 2
    assert left(plan([one, other], [run({"0": 1})])) == [Left.BEFORE]


def test_what_was_sent_before_takes_no_room_and_what_has_no_room_is_left_to_the_next_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(redriving, "RECORDS_LIMIT", 10)
    letters = [letter(number, value=b"%d" % number) for number in range(35)]
    runs: list[Redriven] = []
    sent = []
    while (made := plan(letters, runs)).records:
        sent.append([each.letter.offset for each in made.send])
        assert sum(made.left_out.values()) == len(letters) - len(made.send)
        runs.append(run({str(partition): offset for partition, offset in made.through.items()}))
    assert [len(each) for each in sent] == [10, 10, 10, 5]
    assert sorted(offset for each in sent for offset in each) == list(range(35))
    assert set(left(made)) == {Left.BEFORE}


def test_again_and_again_every_letter_gets_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redriving, "RECORDS_LIMIT", 10)
    letters = [letter(number, value=b"%d" % number) for number in range(25)]
    runs: list[Redriven] = []
    sent = []
    for _ in range(3):
        made = plan(letters, runs, again=True)
        sent += [each.letter.offset for each in made.send]
        runs.append(run({str(partition): offset for partition, offset in made.through.items()}))
    assert set(sent) == set(range(25))


def test_many_bytes_are_left_to_the_next_run_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redriving, "BYTES_LIMIT", 2_500)
    made = plan([letter(number, value=b"%d" % number + b"x" * 999) for number in range(5)])
    assert (len(made.send), left(made)) == (2, [Left.NEXT_RUN] * 3)


def test_a_letter_at_a_place_that_a_run_sent_to_died_again_whatever_it_holds() -> None:
    letters = [letter(offset, value=b"%d" % offset) for offset in (4, 5, 7, 8)]
    made = plan(letters, [run({}, sent={"usage/3": [[5, 7]], "usage/2": [[0, 99]]})])
    assert [each.letter.offset for each in made.send] == [4, 8]
    assert left(made) == [Left.DIED_AGAIN] * 2
    assert len(plan(letters, [run({}, sent={"usage/3": [[5, 7]]})], again=True).send) == 4


def test_a_summary_counts_for_all_its_records_and_is_sent_once() -> None:
    letters = [summary([10, 19], [30, 39]), letter(20)]
    made = plan(letters)
    assert ([count for _, count in made.summaries], made.records) == ([20], 21)
    assert totals(made) == [
        (("not_json", "usage", "mend at the sender"), 20),
        (("workspace_unknown", "usage", "send"), 1),
    ]
    made = plan(letters, [run({"0": 1, "1": 2})])
    assert (made.records, made.left_out[("not_json", "usage", Left.BEFORE)]) == (0, 20)
    assert left(plan([summary([1, 2], topic="overages")])) == [Left.OTHER]


def test_where_records_went_is_noted_in_runs_and_in_notes_that_kafka_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = runs_of([("usage/0", offset) for offset in (5, 3, 4, 9)] + [("usage/1", 4)])
    assert runs == {"usage/0": [[3, 5], [9, 9]], "usage/1": [[4, 4]]}
    monkeypatch.setattr(redriven, "NOTED_RUNS", 2)
    scattered = {"usage/0": [[number * 2, number * 2] for number in range(5)], "usage/1": [[4, 4]]}
    notes = notes_of(scattered, {"0": 7}, [], "2026-01-31T08:00:00Z")
    assert [note.through for note in notes] == [{}] * (len(notes) - 1) + [{"0": 7}]
    assert all(sum(map(len, (note.sent or {}).values())) <= 2 for note in notes)
    before = SentBefore([control_from_json(note.json_bytes()) for note in notes])  # type: ignore[misc] # redriven ones
    for source, each in scattered.items():
        topic, partition = source.split("/")
        assert all(before.went_to(topic, int(partition), first) for first, _ in each)
        assert not before.went_to(topic, int(partition), 1)


def test_totals_are_by_reason_topic_and_what_is_done() -> None:
    made = plan([letter(0), letter(1, value=b"another"), letter(2, topic="overages")])
    assert totals(made) == [
        (("workspace_unknown", "overages", "cannot be sent"), 1),
        (("workspace_unknown", "usage", "send"), 2),
    ]


def test_the_note_of_a_run_is_read_back() -> None:
    noted = run({"0": 4}, DeadReason.NOT_JSON)
    assert control_from_json(noted.json_bytes()) == noted
    assert json.loads(noted.json_bytes())["kind"] == "redriven"
    assert not noted.holds(DeadReason.NOT_JSON, 1, 0)


def test_a_value_of_the_limit_is_whole() -> None:
    value = b"x" * 16 * 1024
    made = letter(value=value)
    assert (made.value, made.sha256) == (b64encode(value).decode(), None)
    assert letter(value=value + b"x").sha256 == sha256(value + b"x").hexdigest()


def test_records_go_in_the_order_they_stood_in_and_bindings_and_orders_before_usage() -> None:
    letters = [letter(2), letter(1, value=b"1"), letter(9, topic="usage.wksp_a"), letter(5, topic="plan-purchases")]
    letters.append(letter(7, topic="workspaces"))
    ordered = sorted(plan(letters).send, key=lambda each: in_order(each.letter))
    assert [each.letter.record_key() for each in ordered] == [
        "workspaces/3/7",
        "plan-purchases/3/5",
        "usage/3/1",
        "usage/3/2",
        "usage.wksp_a/3/9",
    ]


def test_an_unknown_reason_is_reported() -> None:
    done = meter("redrive", "--reason", "bad_luck")
    assert done.returncode == 1
    assert done.stderr.startswith("meter: no reason bad_luck; one of: too_large, not_json, ")
