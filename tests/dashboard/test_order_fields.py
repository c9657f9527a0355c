"""Order forms as text: an address holds all of one, a list is put in order, a problem is at a field that is shown."""

from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import given

from meter.dashboard.mends import REFUSED
from meter.dashboard.orders.command import command_of
from meter.dashboard.orders.fields import WORDS, Fields, Given, fields_of
from meter.dashboard.orders.reading import FIELD, SHOWN, missing_of, order_of, refused_at
from schemas.orders import KINDS
from schemas.reasons import Refusal
from tests.form_strategies import typed_forms

LIST = ("a", "b", "c")


def form(word: str, **fields: str) -> Fields:
    """A form with these fields."""
    return fields_of(WORDS[word], "acme", {"order_id": ("o-9",), **{name: (text,) for name, text in fields.items()}})


def problems(word: str, **fields: str) -> list[tuple[str, str]]:
    """Where its problems are and what they say."""
    found = order_of(form(word, **fields))
    assert isinstance(found, list), found
    return [(each.field, each.sentence) for each in found]


@given(typed_forms())
def test_an_address_holds_a_whole_form(sent: Given) -> None:
    for kind in KINDS:
        fields = fields_of(kind, "acme", sent)
        address = parse_qs(urlencode(fields.query()))
        assert fields_of(kind, "acme", address).query() == fields.query()
        assert fields_of(kind, "acme", address).workspaces == fields.workspaces


@given(typed_forms())
def test_whatever_is_typed_is_an_order_or_a_problem_of_a_field_that_is_shown(sent: Given) -> None:
    for kind in KINDS:
        fields = fields_of(kind, "acme", sent)
        found = order_of(fields)
        if isinstance(found, list):
            assert found
            assert {each.field for each in found} <= set(SHOWN[kind])
            assert all(each.sentence for each in found)
        assert command_of(fields, None).startswith("meter ")
        assert isinstance(missing_of(fields), str)


@pytest.mark.parametrize(
    ("move", "left"),
    [
        ("up:b", ("b", "a", "c")),
        ("up:a", LIST),
        ("down:b", ("a", "c", "b")),
        ("down:c", LIST),
        ("out:b", ("a", "c")),
        ("in:d", (*LIST, "d")),
        ("in:a", LIST),
        ("up:x", LIST),
        ("nonsense", LIST),
    ],
)
def test_a_list_is_put_in_order_by_buttons(move: str, left: tuple[str, ...]) -> None:
    assert form("buy", workspaces="a,b,c").moved(move).workspaces == left


def test_a_workspace_is_added_by_its_name_once() -> None:
    fields = form("buy", workspaces="a,b,c").moved("add", "z")
    assert fields.workspaces == ("a", "b", "c", "z")
    assert fields.moved("add", "z").workspaces == fields.workspaces


def test_an_emptied_list_is_not_one_that_was_never_filled_in() -> None:
    assert form("change-workspaces").workspaces is None
    emptied = form("change-workspaces", workspaces="a").moved("out:a")
    assert emptied.query()["workspaces"] == "-"
    assert form("change-workspaces", workspaces="-").workspaces == ()


def test_a_long_list_is_refused_and_not_cut_to_one_that_passes() -> None:
    names = [f"w{number}" for number in range(1_200)]
    fields = fields_of("purchase", "acme", {"order_id": ["o-9"], "plan": ["startup"], "workspace": names})
    found = order_of(fields)
    assert isinstance(found, list)
    assert found[0].field == "workspaces"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("refusal", Refusal)
def test_every_refusal_is_at_a_field_that_the_form_shows(kind: str, refusal: Refusal) -> None:
    found = refused_at(kind, refusal, "the law: the numbers")
    assert found.field in SHOWN[kind]
    assert (found.reason, found.mend) == (refusal.value, REFUSED[refusal])


def test_every_refusal_has_a_field_and_a_mend() -> None:
    assert set(FIELD) == set(REFUSED) == set(Refusal)


@pytest.mark.parametrize(
    ("word", "fields", "at", "words"),
    [
        ("top-up", {"amount": "5,000"}, "amount", "at most 12 digits and 2 decimals"),
        ("top-up", {"amount": "1", "method": "gold"}, "method", "cash"),
        ("top-up", {"amount": "1", "method": "coupon"}, "instrument", "is named by instrument"),
        ("top-up", {"amount": "1", "method": "coupon", "instrument": "a b"}, "instrument", "1 to 64 of A-Z"),
        (
            "top-up",
            {"amount": "1", "method": "coupon", "instrument": "c", "expires_on": "x"},
            "expires_on",
            'such as "2026-01-31"',
        ),
        ("buy", {"plan": "?", "workspaces": "a"}, "plan", "1 to 64 of A-Z"),
        ("buy", {"plan": "startup", "workspaces": "a,<b>"}, "workspaces", "workspace 2: "),
        ("buy", {"plan": "startup", "units.logs": "many"}, "traffic", "for 'logs': packages are a whole number"),
        ("buy", {"plan": "startup", "units.logs": "0"}, "traffic", "from 1 to 1,000,000, this is 0"),
        ("buy", {"plan": "startup", "units.logs": "1", "discount.logs": "7"}, "traffic", "above 0 and up to 1"),
        ("buy", {"plan": "startup", "first_day": "31.1.2026"}, "first_day", 'such as "2026-01-31"'),
        (
            "upgrade",
            {"plan_id": "o-1", "plan": "growth", "paying": "split", "pay.cash": "x"},
            "payments",
            "from 'cash'",
        ),
        ("upgrade", {"plan": "growth"}, "plan_id", "1 to 64 of A-Z"),
        ("add-traffic", {"plan_id": "o-1", "discount.sms": "0.5"}, "traffic", "for 'sms': packages are"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(word: str, fields: dict[str, str], at: str, words: str) -> None:
    found = problems(word, **fields)
    assert [field for field, _ in found] == [at]
    assert words in found[0][1]


def test_an_id_that_is_none_is_said_too() -> None:
    found = order_of(fields_of("top_up", "acme", {"order_id": ["no id"], "amount": ["1.00"]}))
    assert isinstance(found, list)
    assert [each.field for each in found] == ["order_id"]


def test_what_cash_has_not_is_left_out_for_it() -> None:
    order = order_of(form("top-up", amount="1.00", method="cash", instrument="card-9", expires_on="2099-01-01"))
    assert not isinstance(order, list)
    assert (order.model_dump()["instrument"], order.model_dump()["expires_on"]) == (None, None)


@pytest.mark.parametrize(
    ("word", "fields", "command"),
    [
        ("top-up", {"amount": "5000"}, "meter top-up acme 5000.00 --order-id o-9"),
        (
            "top-up",
            {"amount": "5", "method": "coupon", "instrument": "c-1", "expires_on": "2026-12-31"},
            "meter top-up acme 5.00 --method coupon --instrument c-1 --expires-on 2026-12-31 --order-id o-9",
        ),
        (
            "buy",
            {"plan": "startup", "workspaces": "b,a", "units.logs": "30", "discount.logs": "0.8", "paying": "split"}
            | {"pay.cash": "53392", "pay.coupon.c-1": "2000", "first_day": "2026-02-01"},
            "meter buy acme startup b a --traffic logs=30@0.8 --first-day 2026-02-01 --pay cash=53392.00"
            " --pay coupon:c-1=2000.00 --order-id o-9",
        ),
        (
            "add-traffic",
            {"plan_id": "o-1", "units.sms": "2"},
            "meter add-traffic acme o-1 --traffic sms=2 --order-id o-9",
        ),
        ("upgrade", {"plan_id": "o-1", "plan": "growth"}, "meter upgrade acme o-1 growth --order-id o-9"),
        (
            "change-workspaces",
            {"plan_id": "o-1", "workspaces": "b,a"},
            "meter change-workspaces acme o-1 b a --order-id o-9",
        ),
    ],
)
def test_a_form_names_the_command_that_sends_the_same(word: str, fields: dict[str, str], command: str) -> None:
    order = order_of(form(word, **fields))
    assert not isinstance(order, list)
    assert command_of(form(word), order) == command
