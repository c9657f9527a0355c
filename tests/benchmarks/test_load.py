"""The load of the benchmarks, sent more than once."""

from datetime import UTC, datetime

from benchmarks.load import Load

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def test_a_load_that_is_sent_again_expects_the_same_overages() -> None:
    load = Load(2_000, workspaces=20, accounts=5)
    once = list(load.lines(NOON))
    expected = load.overages()
    assert expected

    assert list(load.lines(NOON)) == once
    assert load.overages() == expected
