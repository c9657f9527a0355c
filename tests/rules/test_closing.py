"""A day closes when the broker's clock says so, in its turn, a slice of accounts at a time; late usage restates it."""

from unittest.mock import patch

import pytest

from meter.rules.billing_days import parse_day, parse_time, time_text
from tests.rules.days_world import Days

IN_DAY, NEXT_DAY = "2026-01-31T12:00:00Z", "2026-02-01T01:00:00Z"
DAY = "2026-01-31"


def days(*accounts: str, opened: str = "2026-01-31T08:00:00Z") -> Days:
    """A partition with a workspace of each account, which is its name with a w, and 5 sms of each on the day."""
    story = Days(opened)
    for account in accounts:
        story.bind(f"{account}w", account)
        story.use(f"{account}w", "sms", 5, IN_DAY)
    return story


def closed(told: Days) -> str:
    facts = told.fold.known()
    return f"{facts.closed_through - parse_day(DAY)}{facts.closing}"


def test_a_day_closes_not_before_its_end_and_the_grace() -> None:
    story = days("a")
    story.close(DAY, "2026-02-01T00:59:59.999Z")
    assert not story.statements()
    story.close(DAY, NEXT_DAY)
    assert story.statements() == [(f"a/{DAY}/aw", False), (f"a/{DAY}", False)]


@pytest.mark.parametrize(
    ("zone", "day", "closes"),
    [
        ("Europe/Berlin", "2026-03-29", "2026-03-29T23:00:00Z"),  # 23 hours
        ("Europe/Berlin", "2026-10-25", "2026-10-26T00:00:00Z"),  # 25 hours
        ("Asia/Beirut", "2026-03-28", "2026-03-28T23:00:00Z"),  # the next day has no midnight
        ("+05:37", "2026-01-31", "2026-01-31T19:23:00Z"),
        ("Asia/Shanghai", "2026-01-31", "2026-01-31T17:00:00Z"),
    ],
)
def test_the_end_of_a_day_is_the_zones(zone: str, day: str, closes: str) -> None:
    opened = time_text(parse_time(closes) - 20 * 3600 * 1_000_000)
    story = Days(opened, zone)
    story.close(day, time_text(parse_time(closes) - 1000))
    assert story.fold.known().closed_through == parse_day(day) - 1
    story.close(day, closes)
    assert story.fold.known().closed_through == parse_day(day)


def test_days_close_in_their_order_and_once() -> None:
    story = days("a")
    story.close("2026-02-01", "2026-02-05T00:00:00Z")
    assert (closed(story), story.statements()) == ("-1", [])
    story.close(DAY, "2026-02-05T00:00:00Z")
    story.close(DAY, "2026-02-05T00:00:00Z")
    assert len(story.statements()) == 2
    story.close("2026-02-01", "2026-02-05T00:00:00Z")
    assert closed(story) == "1"


def test_an_entry_closes_two_hundred_accounts_in_id_order() -> None:
    names = [f"a{number:03}" for number in range(450)]
    story = days(*reversed(names))
    for cursor, then in (("", "-1a199"), ("a199", "-1a399"), ("a399", "0")):
        story.close(DAY, NEXT_DAY, cursor)
        assert closed(story) == then
    assert [key for key, _ in story.statements() if key.count("/") == 1] == [f"{name}/{DAY}" for name in names]


def test_an_entry_with_another_cursor_is_ignored() -> None:
    story = days("a", "b", "c")
    with patch("meter.rules.fold.closing.SLICE_ACCOUNTS", 1):
        for cursor in ("?", "a", "b"):
            story.close(DAY, NEXT_DAY, cursor)
        assert not story.statements()
        story.close(DAY, NEXT_DAY)
        story.close(DAY, NEXT_DAY)
    assert closed(story) == "-1a"


def test_a_slice_of_large_accounts_is_shorter() -> None:
    story = days("a", "b", "c")
    story.close(DAY, NEXT_DAY, items=3)
    assert closed(story) == "-1b"


def test_an_entry_of_an_earlier_version_closes_whole_accounts() -> None:
    found = large("a", 5)
    with patch("meter.rules.fold.closing.WHOLE_ACCOUNTS_ITEMS", 3):
        found.close(DAY, NEXT_DAY, items=0)
        assert closed(found) == "-1a"
        found.close(DAY, NEXT_DAY, "a", items=0)
    assert closed(found) == "0"


def test_an_entry_of_an_earlier_version_goes_on_inside_an_account() -> None:
    found = large("a", 5)
    found.close(DAY, NEXT_DAY, items=2)
    found.close(DAY, NEXT_DAY, "a/a1", items=0)
    assert (closed(found), found.last(f"a/{DAY}")["workspaces"]) == ("0", 5)


def large(account: str, workspaces: int) -> Days:
    """A partition with an account of so many workspaces, a0, a1…, and 5 sms of each on the day; then one of one."""
    story = Days("2026-01-31T08:00:00Z")
    for number in range(workspaces):
        story.bind(f"{account}{number}", account)
        story.use(f"{account}{number}", "sms", 5, IN_DAY)
    story.bind("zw", "z")
    story.use("zw", "sms", 5, IN_DAY)
    return story


def test_an_account_of_many_workspaces_is_closed_in_several_entries_and_stated_with_the_last() -> None:
    found = large("a", 5)
    slices: list[tuple[str, list[str]]] = []
    while found.close_next(DAY, NEXT_DAY, 2):
        slices.append((closed(found), [key.rpartition("/")[2] for key, _ in found.statements(sum_of(slices))]))
    assert slices == [("-1a/a1", ["a0", "a1"]), ("-1a/a3", ["a2", "a3"]), ("-1a", ["a4", DAY])]
    assert found.statements()[-2:] == [(f"z/{DAY}/zw", False), (f"z/{DAY}", False)]
    assert (found.last(f"a/{DAY}")["workspaces"], found.last(f"a/{DAY}")["amount_due"]) == (5, "2.50")


def sum_of(slices: list[tuple[str, list[str]]]) -> int:
    """How many statements the slices told, behind five overages of the account and one of the other."""
    return 6 + sum(len(each) for _, each in slices)


def test_an_account_counts_as_closed_from_its_last_entry_on() -> None:
    found = large("a", 3)
    found.close(DAY, NEXT_DAY, items=2)
    before = len(found.published)
    found.use("a0", "sms", 1, IN_DAY, at="2026-02-01T02:00:00Z")  # stated already
    found.use("a2", "sms", 1, IN_DAY, at="2026-02-01T02:00:00Z")  # not yet
    assert found.statements(before) == [(f"a/{DAY}/a0", False)]
    assert not any(found.last(f"a/{name}/sms/{DAY}", "overages")["restated"] for name in ("a0", "a2"))
    found.close(DAY, "2026-02-01T03:00:00Z", "a/a1")
    assert found.statements(before)[1:3] == [(f"a/{DAY}/a2", False), (f"a/{DAY}", False)]
    assert found.last(f"a/{DAY}")["amount_due"] == "1.70"
    found.use("a0", "sms", 1, IN_DAY, at="2026-02-01T04:00:00Z")
    assert found.statements()[-2:] == [(f"a/{DAY}/a0", True), (f"a/{DAY}", True)]
    assert found.last(f"a/a0/sms/{DAY}", "overages")["restated"]


def test_an_account_whose_name_begins_like_the_one_being_closed_is_closed_in_its_turn() -> None:
    found = large("a", 3)
    found.bind("a-w", "a-")
    found.use("a-w", "sms", 5, IN_DAY)
    found.close(DAY, NEXT_DAY, items=1)
    before = len(found.published)
    found.use("a-w", "sms", 1, IN_DAY, at="2026-02-01T02:00:00Z")
    assert not found.statements(before)
    assert not found.last(f"a-/a-w/sms/{DAY}", "overages")["restated"]
    found.close_through(DAY, "2026-02-01T03:00:00Z")
    assert found.last(f"a-/{DAY}")["amount_due"] == "0.60"


def test_between_two_slices_only_accounts_already_closed_are_restated() -> None:
    story = days("a", "b")
    with patch("meter.rules.fold.closing.SLICE_ACCOUNTS", 1):
        story.close(DAY, NEXT_DAY)
        for account in "ab":
            story.use(f"{account}w", "sms", 2, IN_DAY, at="2026-02-01T02:00:00Z")
        story.close(DAY, "2026-02-01T03:00:00Z", "a")
    assert story.statements() == [
        (f"a/{DAY}/aw", False),
        (f"a/{DAY}", False),
        (f"a/{DAY}/aw", True),
        (f"a/{DAY}", True),
        (f"b/{DAY}/bw", False),
        (f"b/{DAY}", False),
    ]
    assert story.last(f"b/{DAY}")["amount_due"] == "0.70"
    overages = [story.last(f"{account}/{account}w/sms/{DAY}", "overages")["restated"] for account in "ab"]
    assert overages == [True, False]


def test_an_account_that_appears_behind_the_cursor_is_stated_when_it_has_usage() -> None:
    story = days("b", "c")
    with patch("meter.rules.fold.closing.SLICE_ACCOUNTS", 1):
        story.close(DAY, NEXT_DAY)
        story.bind("aw", "a")
        story.use("aw", "sms", 1, IN_DAY, at="2026-02-01T02:00:00Z")
        story.close(DAY, NEXT_DAY, "b")
    assert [each for each in story.statements() if each[0].startswith("a")] == [
        (f"a/{DAY}/aw", True),
        (f"a/{DAY}", True),
    ]


def test_days_before_the_first_record_count_as_closed() -> None:
    story = days()
    story.bind("aw", "a")
    story.use("aw", "sms", 1, "2026-01-30T12:00:00Z", at="2026-01-31T09:00:00Z")
    assert story.statements() == [("a/2026-01-30/aw", True), ("a/2026-01-30", True)]
    assert story.last("a/aw/sms/2026-01-30", "overages")["restated"]


def test_usage_of_the_same_chunk_is_closed_with_the_rest() -> None:
    story = Days("2026-01-31T08:00:00Z")
    story.bind("aw", "a")
    with story.one_chunk():
        story.use("aw", "sms", 5, IN_DAY)
        story.close(DAY, NEXT_DAY)
        story.use("aw", "sms", 5, IN_DAY, at="2026-02-01T02:00:00Z")
    assert [restated for _, restated in story.statements()] == [False, False, True, True]
    assert story.last(f"a/{DAY}")["amount_due"] == "1.00"


def test_a_worker_that_takes_over_goes_on_behind_the_last_committed_slice() -> None:
    found = days("a", "b", "c")
    with patch("meter.rules.fold.closing.SLICE_ACCOUNTS", 1):
        found.close(DAY, NEXT_DAY)
        found.chunked = True
        found.close(DAY, NEXT_DAY, "a")  # folded, never committed
        found.chunked = False
        found.reopen()
        assert closed(found) == "-1a"
        found.close_through(DAY, NEXT_DAY)
    assert [key for key, _ in found.statements() if key.count("/") == 1] == [f"{name}/{DAY}" for name in "abc"]
