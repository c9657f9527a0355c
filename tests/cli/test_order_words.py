"""The words of an order on the command line, and the order they make."""

import pytest

from meter.cli import order_words as words
from meter.commands.place_order import same
from meter.errors import UserError
from schemas.ids import is_id
from tests.rules.order_world import order_of, read


def test_traffic_is_an_item_units_and_perhaps_a_discount() -> None:
    assert words.traffic_lines(["logs=30@0.8", "sms=1"]) == [
        {"item": "logs", "units": 30, "discount": "0.8"},
        {"item": "sms", "units": 1},
    ]
    assert words.traffic_lines(None) is None


@pytest.mark.parametrize("word", ["logs", "logs=", "logs=x", "logs=1.5", "logs=-1", "logs=٣"])
def test_other_traffic_is_reported(word: str) -> None:
    with pytest.raises(UserError, match=r"--traffic is ITEM=UNITS or ITEM=UNITS@DISCOUNT"):
        words.traffic_lines([word])


def test_payments_are_a_method_perhaps_an_instrument_and_an_amount() -> None:
    assert words.payments(["cash=53392.00", "prepaid_card:card-9=1500.00"]) == [
        {"method": "cash", "amount": "53392.00"},
        {"method": "prepaid_card", "amount": "1500.00", "instrument": "card-9"},
    ]
    assert words.payments(None) is words.payments(["auto"]) is None


def test_auto_is_the_only_payment() -> None:
    with pytest.raises(UserError, match="--pay auto stands alone"):
        words.payments(["auto", "cash=1.00"])


def test_every_kind_of_order_is_what_its_json_would_be() -> None:
    made = [
        words.top_up("acct_1", "100.00", "prepaid_card", "card-9", "2026-12-31"),
        words.present(
            words.purchase("acct_1", "startup", ["wksp_a", "wksp_b"], ["logs=30@0.8"], None),
            payments=words.payments(["cash=53392.00", "prepaid_card:card-9=1500.00", "coupon:cpn-3=500.00"]),
        ),
        words.present(
            words.add_traffic("acct_1", "o-1", ["logs=30@0.8"]),
            payments=words.payments(["cash=12532.00", "prepaid_card:card-9=500.00"]),
        ),
        words.present(
            words.upgrade("acct_1", "o-1", "growth"),
            payments=words.payments(["cash=231102.15", "prepaid_card:card-9=500.00"]),
        ),
        words.change_workspaces("acct_1", "o-1", ["wksp_b", "wksp_c", "wksp_a"]),
    ]
    for fields in made:
        assert words.parse_order({**fields, "order_id": "o-2"}) == read(order_of(fields["kind"]))


def test_everything_that_is_wrong_with_an_order_is_reported_at_once() -> None:
    fields = words.purchase("acct 1", "startup", ["wksp_a"], ["logs=0"], "2026-02-30")
    with pytest.raises(UserError) as found:
        words.parse_order({**fields, "order_id": "o-2", "payments": words.payments(["cash=1,5"])})
    first, *rest = str(found.value).splitlines()
    assert first == "this is no order, and nothing was sent:"
    assert [line.split(":")[0].strip() for line in rest] == [
        "account",
        "traffic[0].units",
        "first_day",
        "payments[0].amount",
    ]


def test_cash_has_no_instrument() -> None:
    with pytest.raises(UserError, match="named by instrument, cash has none"):
        words.parse_order({**words.top_up("acct_1", "5", "cash", "card-9", None), "order_id": "t-1"})


def test_traffic_of_nothing_is_no_order() -> None:
    with pytest.raises(UserError, match="adds at least one traffic package"):
        words.add_traffic("acct_1", "o-1", None)


def test_new_ids_are_ids_and_differ() -> None:
    made = {words.new_order_id(kind) for kind in ("purchase", "top_up", "change_workspaces") for _ in range(50)}
    assert len(made) == 150
    assert all(is_id(each) for each in made)
    assert words.new_order_id("purchase").startswith("plan-20")


def test_an_order_is_the_same_by_its_content_whatever_its_form() -> None:
    order = order_of("purchase", currency="CNY")
    assert same(read(order), read({**order, "note": "again"}))
    assert same(read(order), read(order_of("purchase", currency=None)))
    assert not same(read(order), read(order_of("purchase", first_day="2026-02-10")))
