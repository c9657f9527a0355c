"""Marks say which log a commit belongs to."""

import zlib
from types import SimpleNamespace
from typing import Any

import pytest

from agents.intake.marks import Mark, metadata
from meter.kafka.commit_metadata import is_aside, is_ours, topic_id_of


def record(offset: int = 7, timestamp: int = 1_700_000_000_000, value: bytes | None = b"x") -> Any:
    return SimpleNamespace(offset=offset, timestamp=timestamp, value=value)


@pytest.mark.parametrize("value", [b"x", b"", None, b"\xff" * 1_000])
def test_a_mark_reads_back_as_it_was_written(value: bytes | None) -> None:
    mark = Mark.of(record(value=value))
    assert Mark.read(metadata(mark)) == mark
    assert Mark.read(metadata(mark, aside=True)) == mark


def test_a_mark_recognizes_another_record_at_the_same_offset() -> None:
    mark = Mark.of(record())
    assert mark == Mark(7, 1_700_000_000_000, zlib.crc32(b"x"))
    for other in (record(value=b"y"), record(timestamp=1), record(offset=8), record(value=None)):
        assert Mark.of(other) != mark


@pytest.mark.parametrize("text", ["", "aside", "begun", "aside foreign", "1 2", "1 2 3 4", "a b c", "by hand"])
def test_metadata_without_a_mark_has_none(text: str) -> None:
    assert Mark.read(text) is None


def test_every_commit_of_ours_says_that_it_is_ours() -> None:
    for mark in (None, Mark(7, 1_700_000_000_000, 9), Mark(0, -1, 0)):
        assert is_ours(metadata(mark))
        assert is_ours(metadata(mark, aside=True))
    for another in ("", "by hand", "1 2", metadata(None, aside=True, foreign=True)):
        assert not is_ours(another)


def test_a_commit_says_of_which_topic_it_speaks() -> None:
    mark = Mark(7, 1_700_000_000_000, 9)
    for each in (metadata(mark, topic_id="0a1b"), metadata(mark, aside=True, topic_id="0a1b")):
        assert topic_id_of(each) == "0a1b"
        assert Mark.read(each) == mark
        assert is_ours(each)
    assert is_ours(metadata(None, topic_id="0a1b"))
    assert topic_id_of(metadata(mark)) == topic_id_of("") == ""


def test_a_partition_set_aside_says_so_in_its_commit() -> None:
    assert is_aside(metadata(None, aside=True))
    assert is_aside(metadata(Mark(1, 2, 3), aside=True))
    assert is_aside(metadata(None, aside=True, foreign=True))
    assert not is_aside(metadata(Mark(1, 2, 3)))
    assert not is_aside(metadata(None))
