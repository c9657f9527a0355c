"""Every page: whole, escaped, without anything inline, with its command, its JSON and its CSV."""

import copy
import re
import shlex
from html.parser import HTMLParser
from typing import Any

import pytest

from meter.dashboard.models import Loading
from meter.dashboard.pages import render
from meter.dashboard.pages.parts import digest, filled_all, stamp
from meter.dashboard.site import Site
from tests.dashboard.page_cases import CASES, SAMPLES, Case, sample
from tests.dashboard.page_models import day_model, item, site, wide_day, worked_day

#: Fields whose values the meter chooses among its own words; every other text may come from anybody.
OWN_WORDS = set((SAMPLES / "own_fields.txt").read_text(encoding="utf-8").split())
#: Fields that hold figures by names, which are anybody's.
BY_NAME = ("charges_by_workspace", "charges_by_item", "cost_curves", "packages_a_day")
HOSTILE = (
    "\"><img src=x onerror=alert(1)><hx-partial hx-target='body' hx-get=/x>{{ 7*7 }}\u202eabc\u200b</title></pre>'"
)
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


class Reader(HTMLParser):
    """Reads a page: its elements with their attributes, whether every one is closed, the text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        """The words of the page."""
        return re.sub(r"\s+", " ", " ".join(self.words))


def read(text: str) -> Reader:
    """A page, read."""
    reader = Reader()
    reader.feed(text)
    reader.close()
    return reader


def shown(name: str) -> str:
    """A page of the cases."""
    return render.page(*CASES[name]())


def spoilt(value: Any, text: str, field: str = "") -> Any:
    """A model with `text` in every field that may hold anybody's."""
    if isinstance(value, dict) and field in BY_NAME:
        return {f"{text}{place}": each for place, each in enumerate(value.values())}
    if isinstance(value, dict):
        return {key: spoilt(each, text, key) for key, each in value.items()}
    if isinstance(value, list):
        return [spoilt(each, text, field) for each in value]
    return text if isinstance(value, str) and field not in OWN_WORDS else value


def hostile(name: str, text: str) -> tuple[Case, str]:
    """A case with hostile text in every field, and its page."""
    page, model, request = CASES[name]()
    model = spoilt(copy.deepcopy(model), text)
    if "items" in model:
        model["items"] = {text if key == "logs" else key: each for key, each in model["items"].items()}
    request = Site(**{**vars(request), "query": {"search": text, "revision": text}})
    return (page, model, request), render.page(page, model, request)


@pytest.mark.parametrize("name", CASES)
def test_a_page_is_whole(name: str) -> None:
    page = read(shown(name))
    assert page.wrong == []
    assert page.open == []
    headings = [tag for tag, _ in page.elements if tag == "h1"]
    assert headings == ["h1"]
    assert [attrs for tag, attrs in page.elements if tag == "html"] == [{"lang": "en"}]


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_inline_and_nothing_comes_from_elsewhere(name: str) -> None:
    for tag, attrs in read(shown(name)).elements:
        assert "style" not in attrs
        assert tag not in ("style", "iframe", "object", "embed")
        assert not [each for each in attrs if each.startswith("on") or "hx-on" in each or "hx-live" in each]
        if tag == "script":
            assert (attrs["src"] or "").startswith("/assets/")
        for address in ("src", "href", "action"):
            assert not (attrs.get(address) or "").startswith(("http", "//", "javascript:", "data:"))


@pytest.mark.parametrize("name", CASES)
def test_ids_of_elements_are_unique(name: str) -> None:
    ids = [attrs["id"] for _, attrs in read(shown(name)).elements if "id" in attrs]
    assert sorted({each for each in ids if ids.count(each) > 1}, key=str) == []


@pytest.mark.parametrize("name", CASES)
def test_hostile_text_in_every_field_stays_text(name: str) -> None:
    plain, (_, spoilt_page) = read(shown(name)), hostile(name, HOSTILE)
    page = read(spoilt_page)
    assert page.wrong == []
    assert {tag for tag, _ in page.elements} <= {tag for tag, _ in plain.elements} | {"bdi", "br", "data", "h2", "span"}
    assert not [attrs for _, attrs in page.elements if "onerror" in attrs or "hx-get" in attrs]
    assert "<hx-partial" not in spoilt_page
    assert "\u202e" not in spoilt_page
    assert "\u200b" not in spoilt_page


@pytest.mark.parametrize("name", CASES)
def test_a_command_to_copy_runs_nothing_that_an_address_brought(name: str) -> None:
    page, model, request = CASES[name]()
    sent = "x; rm -rf ~ && `id` $(id) | cat"
    query = dict.fromkeys(("search", "revision", "reason", "source", "account", "day", "without", "target"), sent)
    if "reason" in model:
        model = {**model, "reason": sent}
    text = render.page(page, model, Site(**{**vars(request), "query": query}))
    for command in (attrs["data-copy"] or "" for _, attrs in read(text).elements if "data-copy" in attrs):
        words = shlex.split(command)
        assert {"rm", "~", "&&", "|", "cat", "`id`"} & set(words) == set(), command
        assert not re.search(r"[;`$&|]", re.sub(r"'[^']*'", "", command)), command


@pytest.mark.parametrize("name", CASES)
def test_values_of_16_kib_are_cut(name: str) -> None:
    _, text = hostile(name, "x" * 16_384)
    page = read(text)
    assert max(map(len, page.words)) < 5_000
    long = {attribute for _, attrs in page.elements for attribute, value in attrs.items() if len(value or "") > 5_000}
    assert long <= {"href", "action", "hx-sse:connect"}, "an address names a thing whole"


@pytest.mark.parametrize("name", sorted(set(CASES) - {"sign_in", "problem", "nothing_yet", "docs"}))
def test_a_page_shows_its_command_its_json_and_where_days_are(name: str) -> None:
    page = read(shown(name))
    links = [attrs.get("href") or "" for tag, attrs in page.elements if tag == "a"]
    assert [link for link in links if link.partition("?")[0].endswith(".json")]
    commands = "overages|plans|redrive|doctor|explain|advise|simulate|top-up|buy|add-traffic|upgrade|change-workspaces"
    assert re.search(rf"\bmeter ({commands})\b|curl -s", page.text)
    assert "Days and times in" in page.text


@pytest.mark.parametrize("name", CASES)
def test_every_address_is_below_the_base_path(name: str) -> None:
    page, model, request = CASES[name]()
    text = render.page(page, model, Site(**{**vars(request), "base_path": "/billing/meter"}))
    for _, attrs in read(text).elements:
        for address in ("src", "href", "action", "hx-sse:connect"):
            found = attrs.get(address)
            assert found is None or found.startswith(("/billing/meter/", "#", "orders.md")), found


def test_the_day_says_what_it_says_in_the_json() -> None:
    page = read(shown("worked"))
    numbers = {attrs["value"] for tag, attrs in page.elements if tag == "data"}
    logs = worked_day()["items"]["logs"]
    for each in logs["workspaces"]:
        assert {str(each["usage"]), str(each["covered"]), str(each["overage"])} <= numbers
    assert "75.00" in numbers
    assert "acme-prod reported" in page.text
    assert "acme-staging logs over 0 → 50 M , +75.00 , although it sent nothing" in page.text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("worked", "The day is running"),
        ("closed", "Late usage may still change it until 7 March 2026"),
        ("final", "These figures are final"),
    ],
)
def test_a_day_says_whether_it_can_still_change(name: str, words: str) -> None:
    assert words in read(shown(name)).text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("empty_day", "meter send usage"),
        ("no_accounts", "meter worker"),
        ("none_found", "a part of an id is enough"),
        ("no_history", "METER_CLOSE_GRACE_SECONDS"),
        ("no_plans", "meter buy"),
        ("no_alerts", "80 % of a day’s quota"),
        ("no_letters", "Every record that arrived was counted"),
        ("nothing_known", "METER_DASHBOARD_METRICS"),
        ("no_advice", "advice needs 14"),
        ("nothing_changed", "No change is chosen yet"),
        ("best_as_it_is", "Staying costs least"),
    ],
)
def test_an_empty_list_says_what_to_do(name: str, words: str) -> None:
    assert words in read(shown(name)).text


def test_only_who_may_write_can_send_letters_again() -> None:
    forms = {
        name: [a for tag, a in read(shown(name)).elements if tag == "form"] for name in ("dead_letters", "writable")
    }
    assert forms["dead_letters"] == []
    send, _, leave = forms["writable"]
    assert (send["action"], send["method"]) == ("/dead-letters", "post")
    assert leave["action"] == "/sign-out"
    buttons = [a for tag, a in read(shown("writable")).elements if tag == "button" and a.get("name") == "action"]
    assert [a["value"] for a in buttons] == ["try", "group"] * 2


def test_a_page_says_how_far_the_first_reading_is() -> None:
    assert "1,200 of 40,000 records" in read(shown("no_accounts")).text


def test_a_page_says_that_kafka_does_not_answer() -> None:
    assert "Kafka does not answer" in read(shown("nothing_known")).text


def test_operations_say_how_far_a_worker_is_that_restores() -> None:
    model = sample("operations")
    waits = "not ready: meter.journal/3 is being opened: 1000 records restored, 45000 to go"
    model["workers"][0] |= {"reachable": True, "error": None, "ready": [waits] * 10}
    text = read(render.page("operations", model, site("/operations"))).text
    assert text.count("meter.journal/3 is being opened: 1000 records restored, 45000 to go") == 8
    assert "not ready" in text
    assert "and 2 more" in text


def test_only_what_changed_has_another_key() -> None:
    before = render.prepare("day", wide_day(), site()).parts
    model = wide_day()
    model["items"]["sms"] = item("sms", 100, {"checkout": 2})
    after = render.prepare("day", model, site()).parts
    assert [one.id for one, other in zip(before, after, strict=True) if one.key != other.key] == ["item-sms"]
    assert digest(map(stamp, before)) != digest(map(stamp, after))
    again = render.prepare("day", wide_day(), site()).parts
    assert digest(map(stamp, before)) == digest(map(stamp, again))


def test_an_item_that_comes_changes_the_frame() -> None:
    few, more = day_model({"logs": item("logs", 5, {})}), worked_day()
    keys = [{part.id: part.key for part in render.prepare("day", model, site()).parts} for model in (few, more)]
    assert keys[0]["waterline"] != keys[1]["waterline"]


@pytest.mark.parametrize("name", CASES)
def test_a_part_is_one_element_with_its_id(name: str) -> None:
    prepared = render.prepare(*CASES[name]())
    for part_id, text in filled_all([prepared.as_of, *prepared.parts], prepared.shared).items():
        elements = read(text).elements
        assert elements[0][1]["id"] == part_id
        assert read(f"<main>{text}</main>").wrong == []


#: A word behind a 1 that looks like a plural: "page 1 of", "1 is".
ONE = re.compile(r"(?<![\w.,:/–-])1 (?!is\b|was\b|of\b)([a-z]+ )?[a-z]{3,}s\b")


def with_ones(value: Any) -> Any:
    """A model in which every count is 1."""
    if isinstance(value, dict):
        return {name: with_ones(each) for name, each in value.items()}
    if isinstance(value, list):
        return [with_ones(each) for each in value]
    return 1 if type(value) is int else value


@pytest.mark.parametrize("name", [name for name in CASES if name not in ("docs", "sign_in", "problem")])
def test_one_of_a_thing_is_no_plural(name: str) -> None:
    page, model, request = CASES[name]()
    loading = Loading(records_read=1, records=1)
    request = Site(**{**vars(request), "loading": loading})
    whole = render.page(page, with_ones(copy.deepcopy(model)), request)
    spoken = re.findall(r'(?:aria-label|title)="([^"]*)"', whole)
    texts = [
        " ".join(each.split()) for each in (*re.split(r"</?(?:p|td|th|li|summary|h\d|option|title)\b", whole), *spoken)
    ]
    shown_words = [re.sub(r"<[^>]*>", "", each.partition(">")[2] or each) for each in texts]
    assert [found[0] for each in shown_words if (found := ONE.search(each))] == []
