"""What a statement says: the worked cases' amounts, free days, plans without usage, and what a restatement tells."""

import json
from typing import Any

import msgspec

from meter.rules.billing_days import parse_day
from schemas.statements import (
    AccountStatement,
    AccountStatementStruct,
    WorkspaceStatement,
    WorkspaceStatementStruct,
)
from tables import keys
from tests import records
from tests.rules.days_world import CATALOG, Days

DAY, IN_DAY, LATE, CLOSES = "2026-01-31", "2026-01-31T12:00:00Z", "2026-02-01T05:00:00Z", "2026-02-01T01:00:00Z"
MILLION = 1_000_000


def w6_day() -> Days:
    """W6: a Startup package with 30 logs packages at 0.8, and one workspace that uses more."""
    story = Days("2026-01-31T02:00:00Z")
    story.bind("w")
    story.order(records.top_up("acct", "t", "60000"), IN_DAY)
    lines = [records.traffic("logs", 30, "0.8")]
    paid = [records.pay("55392.00")]
    story.order(records.purchase("acct", "p", "startup", ["w"], paid, traffic=lines), IN_DAY)
    story.use("w", "datakit", 25, IN_DAY)
    story.use("w", "logs", 40 * MILLION, IN_DAY, retention=30)
    story.use("w", "traces", 5 * MILLION, IN_DAY, retention=14)
    story.use("w", "pv", 400_000, IN_DAY, retention=14)
    story.use("w", "triggers", 210_000, IN_DAY)
    return story


def item(told: Days, name: str, workspace: str = "w") -> dict[str, Any]:
    found: list[dict[str, Any]] = told.last(f"acct/{DAY}/{workspace}")["items"]
    return next(each for each in found if each["item"] == name)


def test_w6_is_due_87_yuan() -> None:
    found = w6_day()
    found.close(DAY, CLOSES)
    statement = found.last(f"acct/{DAY}")
    assert statement["amount_due"] == "87.00"
    assert statement["workspaces"] == 1
    [plan] = statement["plans"]
    assert {each["item"]: (each["quota"], each["covered"], each["unused"]) for each in plan["items"]} == {
        "datakit": (20, 20, 0),
        "logs": (70 * MILLION, 70 * MILLION, 0),
        "pv": (400_000, 400_000, 0),
        "traces": (5 * MILLION, 5 * MILLION, 0),
        "triggers": (190_000, 190_000, 0),
    }
    logs = item(found, "logs")
    assert logs["reported"] == [{"retention_days": 30, "quantity": 40 * MILLION}]
    assert (logs["usage"], logs["covered"], logs["overage"]) == (80 * MILLION, 70 * MILLION, 10 * MILLION)
    assert logs["coverage"] == [{"plan_id": "p", "covered": 70 * MILLION}]
    assert logs["charge"]["amount"] == "15.00"


def test_statements_are_written_as_their_models_write_them() -> None:
    found = w6_day()
    found.close(DAY, CLOSES)
    for key, model, twin in (
        (f"acct/{DAY}", AccountStatement, AccountStatementStruct),
        (f"acct/{DAY}/w", WorkspaceStatement, WorkspaceStatementStruct),
    ):
        written = json.dumps(found.last(key), separators=(",", ":"), ensure_ascii=False).encode()
        read = model.model_validate_json(written)
        assert read.json_bytes() == written
        assert read.record_key() == key
        assert twin.__struct_fields__ == tuple(model.model_fields)


def test_the_sum_is_rounded_once() -> None:
    story = Days("2026-01-31T02:00:00Z")
    for name in "abc":
        story.bind(name)
        story.use(name, "pv", 150, IN_DAY, retention=3)  # 0.01 units at 0.7: 0.007 each
    story.close(DAY, CLOSES)
    assert story.last(f"acct/{DAY}")["amount_due"] == "0.02"


def test_a_free_day_is_shown_and_costs_nothing() -> None:
    story = Days("2026-01-31T02:00:00Z")
    story.bind("f", commercial=None)
    story.use("f", "sms", 7, IN_DAY)
    story.close(DAY, CLOSES)
    assert story.last(f"acct/{DAY}/f")["basis"] == "free"
    assert item(story, "sms", "f") == {
        "item": "sms",
        "reported": [{"quantity": 7}],
        "usage": 7,
        "coverage": [],
        "covered": 0,
        "overage": 0,
        "charge": {"amount": "0.00", "currency": "CNY", "lines": []},
    }
    assert not [key for topic, key, _ in story.published if topic == "overages"]


def test_a_plan_in_force_is_stated_without_usage_and_nothing_is_without_both() -> None:
    found = w6_day()
    found.bind("other", "idle")
    found.order(records.top_up("idle", "t", "1"), IN_DAY)
    found.close(DAY, CLOSES)
    found.close("2026-02-01", "2026-02-02T01:00:00Z")
    assert found.statements()[-1:] == [("acct/2026-02-01", False)]
    assert not [key for key, _ in found.statements() if key.startswith("idle")]
    assert [each["unused"] for each in found.last("acct/2026-02-01")["plans"][0]["items"]][:2] == [20, 70 * MILLION]


def test_a_restatement_publishes_the_account_and_the_workspaces_that_changed() -> None:
    story = Days("2026-01-31T02:00:00Z")
    for name in "abc":
        story.bind(name)
        story.use(name, "sms", 5, IN_DAY)
    story.close(DAY, CLOSES)
    before = len(story.published)
    story.use("b", "sms", 3, IN_DAY, at=LATE)
    assert story.statements(before) == [(f"acct/{DAY}/b", True), (f"acct/{DAY}", True)]
    assert story.last(f"acct/{DAY}")["amount_due"] == "1.80"


def test_what_changes_nothing_is_not_published_again() -> None:
    found = w6_day()
    found.close(DAY, CLOSES)
    before = len(found.published)
    found.use("w", "datakit", 3, IN_DAY, at=LATE)  # a lower count of hosts
    found.use("w", "logs", 0, IN_DAY, at=LATE, retention=30)
    assert not found.statements(before)


def test_a_correction_to_nothing_leaves_the_item_at_nothing() -> None:
    story = Days("2026-01-31T02:00:00Z")
    story.bind("w")
    story.use("w", "sms", 5, IN_DAY)
    story.close(DAY, CLOSES)
    story.use("w", "sms", -5, IN_DAY, at=LATE, corrected=True)
    assert (item(story, "sms")["usage"], item(story, "sms")["reported"]) == (0, [])
    assert (story.last(f"acct/{DAY}")["workspaces"], story.last(f"acct/{DAY}")["amount_due"]) == (0, "0.00")


def test_an_upgrade_that_is_known_late_prices_the_closed_day() -> None:
    story = Days("2026-01-31T02:00:00Z")
    story.bind("w", commercial=None)
    story.use("w", "sms", 5, IN_DAY)
    story.close(DAY, CLOSES)
    story.bind("w", commercial=DAY)
    story.use("w", "sms", 1, LATE)
    assert story.last(f"acct/{DAY}")["amount_due"] == "0.50"
    assert story.last(f"acct/{DAY}/w")["restated"]


def test_statements_of_a_thousand_workspaces_are_small_records() -> None:
    story = Days("2026-01-31T02:00:00Z")
    names = [f"w{number:03}" for number in range(1_000)]
    with story.one_chunk():
        for name in names:
            story.bind(name)
            for each in CATALOG.versions[0].items:
                story.use(name, each, 10**15, IN_DAY)
        story.close(DAY, CLOSES)
    assert len(story.statements()) == 1_001
    longest = max(len(json.dumps(value)) for topic, _, value in story.published if topic == "statements")
    assert longest < 4_096


def test_a_day_that_an_earlier_version_closed_is_restated_with_all_that_it_owes() -> None:
    found = Days("2026-01-31T02:00:00Z")
    for name in "abc":
        found.bind(name)
        found.use(name, "sms", 5, IN_DAY)
    found.close(DAY, CLOSES)
    row = keys.stated("acct", parse_day(DAY))
    whole = msgspec.msgpack.decode(found.store.rows[row])
    digests = {name: found[:16] for name, found in whole[1].items()}
    found.store.rows[row] = msgspec.msgpack.encode((whole[0], digests, len(digests)))  # as it was: digests only
    found.reopen()
    before = len(found.published)
    found.use("b", "sms", 3, IN_DAY, at=LATE)
    found.use("c", "sms", 3, IN_DAY, at=LATE)
    assert found.statements(before) == [
        (f"acct/{DAY}/b", True),
        (f"acct/{DAY}", True),
        (f"acct/{DAY}/c", True),
        (f"acct/{DAY}", True),
    ]
    assert (found.last(f"acct/{DAY}")["amount_due"], found.last(f"acct/{DAY}")["workspaces"]) == ("2.10", 3)


def test_a_neighbour_is_restated_whose_coverage_comes_from_another_plan_now() -> None:
    story = Days("2026-01-31T02:00:00Z")
    for name in "AB":
        story.bind(name)
    story.order(records.top_up("acct", "t", "90000"), IN_DAY)
    for plan in ("p1", "p2"):
        story.order(records.purchase("acct", plan, "startup", ["A", "B"], [records.pay("42000")]), IN_DAY)
    story.use("A", "datakit", 5, IN_DAY)
    story.use("B", "datakit", 15, IN_DAY)
    story.close(DAY, CLOSES)
    assert item(story, "datakit", "B")["coverage"] == [{"plan_id": "p1", "covered": 15}]
    before = len(story.published)
    story.use("A", "datakit", 12, IN_DAY, at=LATE)
    assert story.statements(before) == [(f"acct/{DAY}/A", True), (f"acct/{DAY}/B", True), (f"acct/{DAY}", True)]
    after = item(story, "datakit", "B")
    assert after["coverage"] == [{"plan_id": "p1", "covered": 8}, {"plan_id": "p2", "covered": 7}]
    assert (after["usage"], after["overage"]) == (15, 0)
