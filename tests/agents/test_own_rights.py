"""Workspace topics that we may not read are named in the commit of their share, where the day's end looks for them."""

from faust.types import TP

from agents.workspace_topics.rights import ShareNotes
from meter.kafka.commit_metadata import NOTE_LIMIT, denied_by, denied_note, is_aside, is_ours


def test_what_a_share_names_is_read_back() -> None:
    note = denied_note(["usage.b/0", "usage.a/1"])
    assert note == "denied usage.a/1 usage.b/0"
    assert denied_by(note) == {"usage.a/1", "usage.b/0"}
    assert not is_aside(note)
    assert not is_ours(note)


def test_a_share_without_any_names_none() -> None:
    assert denied_note([]) == ""
    for other in ("", "begun", "12 1700000000000 5", "aside 12 1700000000000 5 | denied: no right"):
        assert denied_by(other) == frozenset()


def test_of_too_many_as_many_are_named_as_kafka_takes() -> None:
    places = [f"usage.{'w' * 60}{number}/0" for number in range(1_000, 2_000)]
    note = denied_note(places)
    assert NOTE_LIMIT - 80 < len(note) <= NOTE_LIMIT
    assert len(denied_by(note)) == len(note.split(" ")) - 1
    assert denied_by(note) < set(places)


def test_a_share_is_committed_when_it_says_something_new_and_when_it_is_taken() -> None:
    notes = ShareNotes("meter.journal")
    taken = notes.due([0, 1], {})
    assert taken == {TP("meter.journal", 0): (0, ""), TP("meter.journal", 1): (0, "")}
    for tp, (_, text) in taken.items():
        assert notes.committed(tp, text)
    assert notes.due([0, 1], {}) == {}
    news = notes.due([0, 1], {"usage.w/0": 1})
    assert news == {TP("meter.journal", 1): (0, "denied usage.w/0")}
    assert notes.committed(TP("meter.journal", 1), "denied usage.w/0")
    assert notes.due([0, 1], {}) == {TP("meter.journal", 1): (0, "")}
    assert notes.due([0], {}) == {}
    assert notes.due([0, 1], {}) == {TP("meter.journal", 1): (0, "")}, "another worker had it meanwhile"


def test_commits_of_topics_are_not_of_a_share() -> None:
    assert not ShareNotes("meter.journal").committed(TP("usage.w", 0), "begun")
