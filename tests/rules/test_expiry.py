"""A day expires with the close of the last day of its horizon: final, and forgotten with its identities."""

from collections import Counter
from unittest.mock import patch

from meter.rules.billing_days import parse_day
from tables import keys
from tables.partition_state import PartitionState, restored
from tests import records
from tests.rules.announced_world import DictStore
from tests.rules.days_world import Days

DAY, IN_DAY = "2026-01-31", "2026-01-31T12:00:00Z"
#: The horizon is three days: 2026-02-03 is the last on which the day can change, and closes then.
LAST_DAY, LAST_CLOSES = "2026-02-03", "2026-02-04T01:00:00Z"


def a_used_day() -> Days:
    """Five sms on the day, an alert's worth of hosts, and the days after it closed."""
    story = Days("2026-01-31T00:00:00Z")
    story.bind("w")
    story.order(records.top_up("acct", "t", "50000"), IN_DAY)
    story.order(records.purchase("acct", "p", "startup", ["w"], [records.pay("42000")]), IN_DAY)
    story.use("w", "sms", 5, IN_DAY, id="one")
    story.use("w", "datakit", 20, IN_DAY)
    return story


def expired() -> Days:
    story = a_used_day()
    story.close_through(LAST_DAY, LAST_CLOSES)
    story.expire(DAY, LAST_CLOSES)
    return story


def kinds(rows: dict[bytes, bytes]) -> Counter[bytes]:
    return Counter(key[:1] for key in rows if key[:1] in (keys.CELL, keys.STATED, keys.PACKED, keys.IDENTITY))


def test_usage_of_an_expired_day_is_beyond_the_horizon_and_its_figures_are_final() -> None:
    found = expired()
    before = len(found.published)
    found.use("w", "sms", 5, IN_DAY, at=LAST_CLOSES)
    assert found.dead() == ["time_beyond_horizon"]
    assert [topic for topic, *_ in found.published[before:]] == ["dead-letters"]


def test_a_day_does_not_expire_before_the_last_day_of_its_horizon_is_closed() -> None:
    story = a_used_day()
    story.close_through("2026-02-02", LAST_CLOSES)
    story.expire(DAY, "2026-03-01T00:00:00Z")
    assert story.fold.known().expired_through < parse_day(DAY)
    story.use("w", "sms", 1, IN_DAY, at=LAST_CLOSES)
    assert not story.dead()


def test_days_that_count_as_closed_by_the_opening_do_not_expire_by_it() -> None:
    story = Days("2026-02-10T12:00:00Z")
    story.bind("w")
    story.expire(DAY, "2026-02-10T12:00:00Z")
    story.use("w", "sms", 1, IN_DAY, at="2026-02-10T12:00:00Z")  # waited in Kafka for the first worker
    assert not story.dead()
    story.close_through("2026-02-10", "2026-02-11T01:00:00Z")
    story.expire(DAY, "2026-02-11T01:00:00Z")
    assert story.fold.known().expired_through == parse_day(DAY)


def test_nothing_of_the_day_is_left_and_the_changelog_says_so() -> None:
    story = a_used_day()
    story.use("w", "sms", 1, "2026-02-01T12:00:00Z", id="next day")
    assert kinds(story.store.rows) == {keys.CELL: 3, keys.PACKED: 3}
    story.close_through(LAST_DAY, LAST_CLOSES)
    story.expire(DAY, LAST_CLOSES)
    assert story.fold.known().sweeping is None
    assert kinds(story.store.rows) == {keys.CELL: 1, keys.STATED: 3, keys.PACKED: 1}
    for tail in (0, 4, len(story.changelog) - 3):  # a store that is empty, behind, or nearly there
        behind = DictStore()
        behind.write(restored(story.changelog[:tail], behind))
        behind.write(restored(story.changelog[tail:], behind))
        assert {**behind.rows, keys.CHANGELOG: b""} == {**story.store.rows, keys.CHANGELOG: b""}


def test_an_identity_is_remembered_exactly_as_long_as_its_day_can_change() -> None:
    story = a_used_day()
    story.close_through(LAST_DAY, LAST_CLOSES)
    story.use("w", "sms", 7, "2026-02-03T12:00:00Z", at="2026-02-04T02:00:00Z", id="one")
    assert story.dead() == ["conflicting_duplicate"]
    story.expire(DAY, "2026-02-04T03:00:00Z")
    story.use("w", "sms", 7, "2026-02-03T12:00:00Z", at="2026-02-04T04:00:00Z", id="one")
    story.use("w", "sms", 7, "2026-02-03T12:00:00Z", at="2026-02-04T04:00:00Z", id="one")
    assert len(story.dead()) == 1
    assert story.last("acct/w/sms/2026-02-03", "overages")["usage"] == 7


def test_an_identity_claimed_again_outlives_the_rows_of_the_expired_day() -> None:
    """Dropping rows takes longer than expiring; what is claimed meanwhile for a later day stays."""
    story = a_used_day()
    story.close_through(LAST_DAY, LAST_CLOSES)
    with patch("meter.rules.fold.expiry.SWEEP_ACCOUNTS", 1):
        story.expire(DAY, LAST_CLOSES)
        assert story.fold.known().sweeping == "acct"
        story.use("w", "sms", 7, "2026-02-03T12:00:00Z", at="2026-02-04T04:00:00Z", id="one")
        assert not story.dead()
        story.expire(DAY, LAST_CLOSES, "acct")
    assert story.fold.known().sweeping is None
    story.reopen()
    story.use("w", "sms", 8, "2026-02-03T12:00:00Z", at="2026-02-04T05:00:00Z", id="one")
    assert story.dead() == ["conflicting_duplicate"]


def test_expiry_sees_what_the_same_chunk_counted() -> None:
    story = a_used_day()
    with story.one_chunk():
        story.use("w", "sms", 5, IN_DAY, id="late")
        story.close_through(LAST_DAY, LAST_CLOSES)
        story.expire(DAY, LAST_CLOSES)
        story.use("w", "sms", 1, "2026-02-03T12:00:00Z", at=LAST_CLOSES, id="late")
    assert not story.dead()
    assert kinds(story.store.rows) == {keys.CELL: 1, keys.STATED: 3, keys.PACKED: 1}


def test_the_last_balance_is_published_before_its_cell_is_deleted() -> None:
    story = a_used_day()
    story.close_through(LAST_DAY, LAST_CLOSES)
    with story.one_chunk():
        story.use("w", "datakit", 21, IN_DAY)
        story.expire(DAY, LAST_CLOSES)
    assert story.last(f"acct/datakit/{DAY}", "quota-balances")["workspaces"][0]["usage"] == 21
    assert story.state.cell(("acct", parse_day(DAY), "datakit")).uses == {}


def test_rows_go_a_slice_an_entry() -> None:
    story = Days("2026-01-31T00:00:00Z")
    for account in "abc":
        story.bind(f"{account}w", account)
        story.use(f"{account}w", "sms", 1, IN_DAY)
    story.close_through(LAST_DAY, LAST_CLOSES)
    seen = []
    with patch.multiple("meter.rules.fold.expiry", SWEEP_ACCOUNTS=2, SWEEP_IDENTITIES=2):
        while story.fold.known().expired_through < parse_day(DAY) or story.fold.known().sweeping is not None:
            story.expire(DAY, LAST_CLOSES, story.fold.known().sweeping or "")
            seen.append((story.fold.known().sweeping, sum(kinds(story.store.rows).values())))
    assert [cursor for cursor, _ in seen] == ["b", "/", None]
    assert seen[-1][1] == 0


def test_of_an_expired_plan_it_is_still_known_that_it_has_expired() -> None:
    story = a_used_day()
    story.close_through("2027-03-01", "2027-03-02T01:00:00Z")
    story.expire("2027-02-26", "2027-03-02T01:00:00Z")
    more = records.management("acct", "x", "add_traffic", "p", traffic=[records.traffic("sms", 1)])
    story.order(more, "2027-03-02T02:00:00Z")
    assert story.last("acct/x", "order-outcomes")["reason"] == "plan_expired"


def test_a_reopened_state_knows_what_has_expired() -> None:
    found = expired()
    found.state = PartitionState(found.store)
    found.reopen()
    found.use("w", "sms", 5, IN_DAY, at=LAST_CLOSES)
    assert found.dead() == ["time_beyond_horizon"]


def test_a_plans_history_of_final_days_goes_when_the_plan_is_changed_again() -> None:
    story = a_used_day()
    story.bind("v")
    for number, day in enumerate(("2026-01-31", "2026-02-01", "2026-02-03")):
        workspaces = ["v", "w"] if number % 2 else ["w", "v"]
        story.order(
            records.management("acct", f"c{number}", "change_workspaces", "p", workspaces=workspaces),
            f"{day}T13:00:00Z",
        )
    froms = [each["from"] for each in story.last("acct/p", "plans")["lists"]]
    assert froms == ["2026-01-31", "2026-02-01", "2026-02-03"]
    story.close_through(LAST_DAY, LAST_CLOSES)
    story.expire(DAY, LAST_CLOSES)
    story.order(records.management("acct", "c9", "change_workspaces", "p", workspaces=["w"]), "2026-02-04T13:00:00Z")
    froms = [each["from"] for each in story.last("acct/p", "plans")["lists"]]
    assert froms == ["2026-02-01", "2026-02-03", "2026-02-04"]
    assert len(story.state.account("acct").plans["p"].lists) == 3
