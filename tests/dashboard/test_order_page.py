"""What an order's page says: from what this process sent, what the meter published, and what the address says."""

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from meter.commands.place_order import RecordPosition
from meter.dashboard.asked import Asked
from meter.dashboard.live import regions
from meter.dashboard.orders.sending import FAILED, SENDING, SENT, SentOrder
from meter.rules.billing_days import parse_time
from schemas.orders import order_from_json
from tests.dashboard.live_board import record
from tests.dashboard.order_cases import TOP_UP, letter, outcome
from tests.dashboard.read_models import ReadModel

NOW = "2026-01-31T12:00:00Z"
PAGE = "accounts/acme/orders/t-7"
ACCEPTED, REFUSED = {"outcome": "accepted"}, {"outcome": "refused", "reason": "balance_exceeded"}


@pytest.fixture
def model(tmp_path: Path) -> Iterator[ReadModel]:
    found = ReadModel(tmp_path / "dashboard.sqlite")
    yield found
    found.close()


def publish(model: ReadModel, topic: str, key_and_value: tuple[str, dict[str, Any]]) -> None:
    model.take([record(topic, *key_and_value)], NOW[:10])


def sent(model: ReadModel, state: str, seconds_ago: int = 0, offset: int = 12) -> None:
    """This process sent it."""
    found = SentOrder(order_from_json(TOP_UP), "seen", parse_time(NOW) - seconds_ago * 1_000_000, state)
    found.place = RecordPosition("plan-purchases", 0, offset) if state == SENT else None
    model.live.orders["acme", "t-7"] = found


def state(model: ReadModel, **query: str) -> str:
    found: str = model.page(PAGE, NOW, **query)["state"]
    return found


def test_nothing_is_known_of_an_order_that_nobody_sent(model: ReadModel) -> None:
    assert state(model) == "unknown"


@pytest.mark.parametrize(
    ("at", "said"), [("0/12", "waiting"), ("x/1", "unknown"), ("0/-1", "unknown"), ("", "unknown")]
)
def test_the_address_says_that_it_was_sent(model: ReadModel, at: str, said: str) -> None:
    assert state(model, at=at) == said


def test_it_is_on_its_way_then_waits_then_is_late(model: ReadModel) -> None:
    sent(model, SENDING)
    assert state(model) == SENDING
    sent(model, FAILED)
    assert state(model) == FAILED
    sent(model, SENT)
    assert (state(model), model.page(PAGE, NOW)["late"]) == ("waiting", False)
    sent(model, SENT, seconds_ago=11)
    assert (state(model), model.page(PAGE, NOW)["late"]) == ("waiting", True)


@pytest.mark.parametrize("published", [ACCEPTED, REFUSED])
def test_its_outcome_is_what_was_published(model: ReadModel, published: dict[str, str]) -> None:
    sent(model, SENT)
    publish(model, "order-outcomes", outcome(**published))
    page = model.page(PAGE, NOW)
    assert (page["state"], page["outcome"]["order_id"]) == (published["outcome"], "t-7")
    assert bool(page["mend"]) == (page["state"] == "refused")


def test_an_outcome_counts_whatever_became_of_the_sending(model: ReadModel) -> None:
    sent(model, FAILED)  # Kafka took it after all
    publish(model, "order-outcomes", outcome(**ACCEPTED))
    assert state(model) == "accepted"


def test_the_letter_of_its_record_is_its_end(model: ReadModel) -> None:
    sent(model, SENT)
    publish(model, "order-outcomes", outcome(**ACCEPTED))  # of another order that has its id
    publish(model, "dead-letters", letter())
    page = model.page(PAGE, NOW)
    assert (page["state"], page["letter"]["reason"]) == ("dead", "conflicting_duplicate")
    assert "Order again under a new id" in page["letter"]["mend"]


def test_the_letter_of_another_record_is_not_its_end(model: ReadModel) -> None:
    sent(model, SENT, offset=11)
    publish(model, "order-outcomes", outcome(**ACCEPTED))
    publish(model, "dead-letters", letter())
    assert state(model) == "accepted"


def test_a_letter_is_found_by_its_order_where_its_place_is_not_known(model: ReadModel) -> None:
    publish(model, "dead-letters", letter())
    assert state(model) == "dead"
    assert model.page("accounts/acme/orders/t-8", NOW)["state"] == "unknown"
    assert model.page("accounts/other/orders/t-7", NOW)["state"] == "unknown"
    publish(model, "order-outcomes", outcome(**ACCEPTED))
    assert state(model) == "accepted"


@pytest.mark.parametrize("value", [b"no json", b"[]", b'{"order_id":1}', b"\xff"])
def test_a_letter_that_is_no_order_is_nobodys(model: ReadModel, value: bytes) -> None:
    key, body = letter()
    publish(model, "dead-letters", (key, {**body, "value": b64encode(value).decode()}))
    assert state(model) == "unknown"


def test_a_letter_too_long_to_be_whole_is_known_by_its_place_and_account(model: ReadModel) -> None:
    key, body = letter()
    cut = {**body, "value": b64encode(b'{"order_id').decode(), "length": 70_000, "key": b64encode(b"acme").decode()}
    publish(model, "dead-letters", (key, cut))
    assert state(model, at="0/12") == "dead"
    assert model.page("accounts/other/orders/t-7", NOW, at="0/12")["state"] == "waiting"


def test_the_same_fields_can_be_ordered_again(model: ReadModel) -> None:
    order = (
        b'{"order_id":"t-7","account":"acme","kind":"purchase","plan":"startup","workspaces":["b","a"],'
        b'"traffic":[{"item":"logs","units":30,"discount":"0.8"},{"item":"sms","units":1}],"first_day":"2026-02-01",'
        b'"payments":[{"method":"cash","amount":"5.00"},{"method":"coupon","instrument":"c.1","amount":"1.00"}]}'
    )
    model.live.orders["acme", "t-7"] = SentOrder(order_from_json(order), "seen", 0, FAILED)
    assert model.page(PAGE, NOW)["again"] == {
        "kind": "purchase",
        "query": {
            "plan": "startup",
            "workspaces": "b,a",
            "units.logs": "30",
            "discount.logs": "0.8",
            "units.sms": "1",
            "first_day": "2026-02-01",
            "paying": "split",
            "pay.cash": "5.00",
            "pay.coupon.c.1": "1.00",
        },
    }


def test_its_page_changes_with_records_of_the_account_and_with_letters() -> None:

    wanted = list(regions(Asked(("accounts", "acme", "orders", "t-7"), "", {})))
    assert [(each.kind, each.account) for each in wanted] == [("records", "acme"), ("dead_letters", "")]


def test_orders_of_one_revision_are_listed_newest_first(model: ReadModel) -> None:
    for offset, order_id in enumerate(["b", "a", "c"]):
        key, value = f"acme/{order_id}", {**outcome(**ACCEPTED)[1], "order_id": order_id, "revision": 5}
        model.take([msgspec.structs.replace(record("order-outcomes", key, value), offset=offset)], NOW[:10])
    orders = model.page("accounts/acme/plans", NOW)["orders"]
    assert [each["outcome"]["order_id"] for each in orders] == ["c", "a", "b"]
