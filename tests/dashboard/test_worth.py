"""What dead letters would add: what is left of the quota first, then money; what cannot be told is said to be so."""

import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from meter.dashboard.ingest.published import Published
from meter.dashboard.mends import MENDS
from schemas.catalog import load_catalog
from schemas.reasons import DeadReason
from tests.dashboard.read_models import ReadModel

TODAY, NOW = "2026-02-03", "2026-02-03T12:00:00Z"
MILLION = 1_000_000
CATALOG = load_catalog(Path(__file__).parents[2] / "meter" / "catalog.toml")


@pytest.fixture
def model(tmp_path: Path) -> Iterator[ReadModel]:
    found = ReadModel(tmp_path / "dashboard.sqlite", catalog=CATALOG)
    workspaces = [{"workspace": "listed", "usage": 9 * MILLION, "covered": 9 * MILLION, "overage": 0}]
    plans = [{"plan_id": "o-1", "quota": 10 * MILLION, "covered": 9 * MILLION, "left": MILLION}]
    balance: dict[str, Any] = {
        "account": "a",
        "item": "logs",
        "day": TODAY,
        "quota": 10 * MILLION,
        "covered": 9 * MILLION,
    }
    balance |= {"left": MILLION, "plans": plans, "workspaces": workspaces, "revision": 5}
    lists = [{"from": "2026-01-01", "workspaces": ["listed"]}]
    packages = [{"from": "2026-01-01", "plan": "p", "price": "1.00", "quotas": {"logs": 10 * MILLION}}]
    plan: dict[str, Any] = {"account": "a", "plan_id": "o-1", "first_day": "2026-01-01", "last_day": "2027-01-07"}
    plan |= {"packages": packages, "lists": lists, "traffic": [], "revision": 1}
    records: list[tuple[str, str, dict[str, Any]]] = [
        ("quota-balances", f"a/logs/{TODAY}", balance),
        ("plans", "a/o-1", plan),
        ("overages", f"a/unlisted/logs/{TODAY}", overage("unlisted", "pay_as_you_go")),
    ]
    found.take([published(topic, key, record) for topic, key, record in records], TODAY)
    yield found
    found.close()


def overage(workspace: str, basis: str) -> dict[str, Any]:
    charge = {"amount": "2.00", "currency": "CNY", "lines": []}
    cause = {"kind": "usage", "workspaces": [workspace], "topic": "usage", "partition": 0}
    return {
        "account": "a",
        "workspace": workspace,
        "item": "logs",
        "day": TODAY,
        "revision": 6,
        "previous_revision": 0,
        "usage": MILLION,
        "covered": 0,
        "overage": MILLION,
        "delta": MILLION,
        "basis": basis,
        "plans": [],
        "charge": charge,
        "cause": {**cause, "first_offset": 1, "last_offset": 1},
        "restated": False,
    }


def published(topic: str, key: str, record: dict[str, Any], offset: int = 0) -> Published:
    return Published(topic, 0, offset, 1_770_000_000_000, key.encode(), json.dumps(record).encode())


def letter(offset: int, value: bytes, topic: str = "usage", **rest: Any) -> Published:
    content: dict[str, Any] = {
        "reason": "unknown_item",
        "error": "e",
        "topic": topic,
        "partition": 0,
        "offset": offset,
        "headers": [],
    }
    content |= {"value": b64encode(value).decode(), "at": NOW, **rest}
    return published("dead-letters", f"{topic}/0/{offset}", content, offset)


def usage(workspace: str, quantity: int, retention: int | None = None, item: str = "logs") -> bytes:
    data = {"item": item, "quantity": quantity} | ({} if retention is None else {"retention_days": retention})
    event = {"specversion": "1.0", "id": "1", "source": "s", "type": "usage.recorded", "subject": workspace}
    return json.dumps({**event, "time": NOW, "data": data}).encode()


def worth(model: ReadModel, *letters: Published) -> tuple[list[tuple[Any, ...]], str | None, int]:
    """Workspace, usage and amount of each figure, the amount of the group, and what cannot be told."""
    model.take(letters, TODAY)
    group = model.page("dead-letters", NOW)["groups"][0]
    figures = [(each["workspace"], each["usage"], each["amount"]) for each in group["worth"]]
    return figures, group["amount"], group["unpriced"]


def test_what_is_left_of_the_quota_costs_nothing(model: ReadModel) -> None:
    assert worth(model, letter(1, usage("listed", MILLION))) == ([("listed", MILLION, "0.00")], "0.00", 0)


def test_beyond_the_quota_a_listed_workspace_pays_the_default_price(model: ReadModel) -> None:
    """1 M is left; of 2 M at 30 days, which count twice, 3 M are over."""
    assert worth(model, letter(1, usage("listed", 2 * MILLION, 30)))[1] == "4.50"


def test_an_unlisted_workspace_pays_by_its_own_retention(model: ReadModel) -> None:
    assert worth(model, letter(1, usage("unlisted", 2 * MILLION, 30)))[1] == "4.00"


def test_letters_of_one_workspace_are_added_up_before_they_are_priced(model: ReadModel) -> None:
    letters = [letter(number, usage("listed", MILLION)) for number in range(1, 4)]
    assert worth(model, *letters) == ([("listed", 3 * MILLION, "3.00")], "3.00", 0)


def test_a_workspace_that_nobody_knows_has_units_and_no_price(model: ReadModel) -> None:
    assert worth(model, letter(1, usage("stranger", 5))) == ([("stranger", 5, None)], None, 0)


@pytest.mark.parametrize(
    "value",
    [
        b"not json",
        b"[]",
        b"{}",
        usage("a/b", 1),
        usage("listed", 10**30),
        usage("listed", 1).replace(b'"quantity": 1', b'"quantity": "1"'),
        usage("listed", 1).replace(NOW.encode(), b"yesterday"),
        b"\xff\xfe",
        b"",
    ],
)
def test_what_cannot_be_read_is_counted_as_unreported(model: ReadModel, value: bytes) -> None:
    assert worth(model, letter(1, value)) == ([], None, 1)


def test_a_summary_counts_all_its_records_as_unreported(model: ReadModel) -> None:
    summary = letter(1, b"", records=40, last_offset=90, ranges=[[1, 40]])
    assert worth(model, summary)[2] == 40


def test_an_unknown_item_has_no_units(model: ReadModel) -> None:
    assert worth(model, letter(1, usage("listed", 5, item="gold"))) == ([("listed", None, None)], None, 0)


def test_every_reason_has_a_mend() -> None:
    assert set(MENDS) == set(DeadReason)


def test_a_letter_that_came_back_says_how_often(model: ReadModel) -> None:
    again = [letter(number, usage("listed", MILLION), at=NOW) for number in (1, 5, 9)]
    model.take([*again, letter(12, usage("listed", 2))], TODAY)
    letters = model.page("dead-letters", NOW, reason="unknown_item", source="usage")["letters"]
    assert sorted((each["offset"], each["tries"]) for each in letters) == [(1, 0), (5, 1), (9, 2), (12, 0)]


def test_groups_count_first_last_and_repeats_once(model: ReadModel) -> None:
    one = letter(1, usage("listed", MILLION))
    model.take([one, msgspec.structs.replace(one, offset=9)], TODAY)
    model.take([letter(2, usage("listed", MILLION), topic="usage.w")], TODAY)
    page = model.page("dead-letters", NOW)
    assert sorted((group["source"], group["count"]) for group in page["groups"]) == [("usage", 1), ("usage.w", 1)]
    letters = model.page("dead-letters", NOW, reason="unknown_item", source="usage")["letters"]
    assert [(each["offset"], each["letter_offset"]) for each in letters] == [(1, 9)]


@pytest.mark.parametrize(
    ("reason", "sent_again", "amount"),
    [("unknown_item", 1, "0.00"), ("time_beyond_horizon", 0, None), ("workspace_cannot_move", 0, None)],
)
def test_what_dies_again_adds_nothing_and_is_not_offered(
    model: ReadModel, reason: str, sent_again: int, amount: str | None
) -> None:
    model.take([letter(1, usage("listed", MILLION), reason=reason)], TODAY)
    group = model.page("dead-letters", NOW)["groups"][0]
    assert (group["can_be_sent_again"], group["amount"], group["unpriced"]) == (sent_again, amount, 0)
