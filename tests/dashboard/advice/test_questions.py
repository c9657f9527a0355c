"""What addresses ask of advice, how a form becomes an address, and the tables of the answers."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict

from meter.dashboard.advice.form import is_filled, query_of
from meter.dashboard.advice.question import Question, question_of
from meter.dashboard.advice.tables import ADVISED, SIMULATED, table_of
from meter.dashboard.advice_models import OnOffer, PackageOnOffer, PlanToChange
from meter.dashboard.asked import Asked, asked_of
from meter.dashboard.pages.advice import fields
from meter.dashboard.sight import NotThere
from meter.errors import UserError
from tests.dashboard.page_cases import sample

OFFER = OnOffer(
    plans=[
        PlanToChange(plan_id="o-1", package="startup", last_day="2027-01-01", workspaces=["a", "b"]),
        PlanToChange(plan_id="o-2", package="growth", last_day="2027-01-01", workspaces=["c"]),
    ],
    packages=[PackageOnOffer(name="startup", price="42000.00")],
    traffic_items=["logs"],
    workspaces=["a", "b", "c"],
)


def asked(page: str, **query: str) -> Asked:
    return Asked(("accounts", "acct", page), "", query)


def of(page: str, **query: str) -> Question:
    found = question_of(asked(page, **query))
    assert found is not None
    return found


def test_an_address_without_a_query_asks_what_the_command_asks() -> None:
    assert of("advise") == Question("advise", "acct")
    assert of("simulate") == Question("simulate", "acct")
    assert of("advise").command == "meter advise acct --days 35"
    assert question_of(asked("history")) is None
    assert question_of(Asked(("accounts", "<b>", "advise"), "", {})) is None


def test_everything_that_is_asked_is_in_the_command() -> None:
    question = of("advise", days="400", target="coverage=90", discount="0.8")
    assert question.command == "meter advise acct --days 400 --target coverage=90 --discount 0.8"
    question = of("simulate", days="7", buy="startup=a,b growth=c", add_traffic="new-1:logs=3@0.8", without="o-1")
    assert question.command == (
        "meter simulate acct --days 7 --buy startup=a,b --buy growth=c --add-traffic new-1:logs=3@0.8 --without o-1"
    )


@pytest.mark.parametrize(
    ("page", "query", "words"),
    [
        ("advise", {"days": "13"}, "days= is 14 to 400, this is 13"),
        ("advise", {"days": "x"}, "days= is 14 to 400, this is 0"),
        ("advise", {"days": "99999999"}, "this is 0"),
        ("advise", {"target": "coverage=0"}, "coverage=P with P from 1 to 100"),
        ("advise", {"discount": "2"}, "discount"),
        ("advise", {"discount": "<img>"}, "discount"),
        ("simulate", {"days": "401"}, "days= is 1 to 400, this is 401"),
        ("simulate", {"buy": "startup"}, "two names"),
        ("simulate", {"add_traffic": "o-1:logs=x"}, "ITEM=UNITS"),
        ("simulate", {"workspaces": "o-1=a,a"}, "each once"),
        ("simulate", {"workspaces": "o-1=a;rm"}, "list of workspaces"),
        ("simulate", {"buy": "startup=$(id)"}, "list of workspaces"),
        ("simulate", {"buy": "`id`=a"}, "--buy"),
        ("simulate", {"upgrade": "o-1=growth|sh"}, "--upgrade"),
        ("simulate", {"without": "o-1&sh"}, "--without"),
        ("simulate", {"add_traffic": "o-1:logs;id=3"}, "--add-traffic"),
    ],
)
def test_what_no_command_would_take_is_refused(page: str, query: dict[str, str], words: str) -> None:
    with pytest.raises(UserError, match=words):
        of(page, **query).check()


def test_what_is_refused_is_quoted_in_the_command() -> None:
    assert of("simulate", without="o-1;id").command == "meter simulate acct --days 35 --without 'o-1;id'"
    assert of("advise", target="$(id)").command == "meter advise acct --days 35 --target '$(id)'"


def test_values_of_one_name_are_one_with_spaces_between() -> None:
    query = MultiDict([("buy", "startup=a"), ("buy", "growth=b"), ("buy", ""), ("days", "7")])
    found = asked_of("/accounts/acct/simulate", query, "")
    assert found is not None
    assert found.query == {"buy": "startup=a growth=b", "days": "7"}
    assert question_of(found) == of("simulate", buy="startup=a growth=b", days="7")


def test_a_form_that_changes_nothing_asks_for_nothing() -> None:
    query = {"upgrade:o-1": "", "list:o-1": "a, b", "traffic:o-1": " ", "list:o-2": "c", "buy:1": "", "days": "35"}
    assert is_filled(query)
    assert query_of(query, OFFER) == {"days": "35"}
    assert not is_filled({"days": "35", "buy": "startup=a"})


def test_a_form_becomes_words() -> None:
    query = {
        "upgrade:o-1": "growth",
        "list:o-1": "b\n a",
        "traffic:o-1": "logs=30@0.8, logs=5",
        "without:o-2": "1",
        "list:o-2": "a",
        "buy:1": "",
        "buy-list:1": "a",
        "buy:2": "startup",
        "buy-list:2": "",
        "buy-traffic:2": "logs=3",
        "upgrade:o-9": "growth",
    }
    assert query_of(query, OFFER) == {
        "upgrade": "o-1=growth",
        "workspaces": "o-1=b,a",
        "add_traffic": "o-1:logs=30@0.8 o-1:logs=5 new-1:logs=3",
        "without": "o-2",
        "buy": "startup=a,b,c",
    }


NAMES = st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True)
FORMS = st.fixed_dictionaries(
    {},
    optional={
        "upgrade": st.just("o-1=growth"),
        "workspaces": NAMES.filter(lambda names: names != ["a", "b"]).map(lambda names: f"o-1={','.join(names)}"),
        "without": st.just("o-2"),
        "add_traffic": st.sampled_from(["o-1:logs=3", "o-1:logs=3@0.8 o-1:sms=1"]),
        "buy": NAMES.map(lambda names: f"startup={','.join(names)}"),
    },
)


@given(FORMS)
def test_a_form_that_is_sent_as_it_was_shown_asks_the_same_again(words: dict[str, str]) -> None:
    made = fields({"words": {name: text.split() for name, text in words.items()}, "offer": msgspec.to_builtins(OFFER)})
    sent: dict[str, str] = {}
    for plan in made["plans"]:
        names = ("upgrade", "list", "traffic")
        sent |= {f"{name}:{plan['plan_id']}": plan[name] for name in names}
        sent |= {f"without:{plan['plan_id']}": "1"} if plan["without"] else {}
    for number, buy in enumerate(made["buys"], 1):
        sent |= {f"buy:{number}": buy["package"], f"buy-list:{number}": buy["list"]}
        sent |= {f"buy-traffic:{number}": buy["traffic"]}
    assert query_of(sent, OFFER) == words


@pytest.mark.parametrize(("kind", "names"), [("advise", ADVISED), ("simulate", SIMULATED)])
def test_every_table_is_a_rectangle(kind: Any, names: dict[str, Any]) -> None:
    answer = sample(kind)["answer"]
    for name in ("", *names):
        columns, rows = table_of(Question(kind, "juniper"), answer, name)
        every = [list(row) for row in rows]
        assert every
        assert {len(row) for row in every} == {len(columns)}
        json.dumps(every)
    with pytest.raises(NotThere, match="one of"):
        table_of(Question(kind, "juniper"), answer, "nothing")


def test_the_days_of_advice_add_up_to_its_figures() -> None:
    answer = sample("advise")["answer"]
    _, rows = table_of(Question("advise", "juniper"), answer, "days")
    first = answer["from_today"]["alternatives"][0]
    every = [list(map(str, row)) for row in rows]
    mine = [float(row[3]) + float(row[4]) for row in every if row[2] == first["title"]]
    assert sum(mine) / len(mine) == pytest.approx(float(first["cost_a_day"]), abs=0.01)
    assert sum(row[1:3] == ["True", "stay"] for row in every) == answer["days"]["may_change"]
