"""Words of pages that a stranger misread: what is down, what is only too early, what is a command, what is an id."""

import pytest

from meter.dashboard.pages import render
from tests.dashboard.page_cases import sample
from tests.dashboard.page_models import site
from tests.dashboard.test_pages import read


def test_operations_say_when_no_worker_that_is_named_answers() -> None:
    model = sample("operations")
    model["balance"] = dict.fromkeys(model["balance"])
    model["workers"] = [{**each, "reachable": False, "error": "connection refused"} for each in model["workers"]]
    text = read(render.page("operations", model, site("/operations"))).text
    assert "None of the addresses of METER_DASHBOARD_METRICS answers" in text
    assert "Set METER_DASHBOARD_METRICS" not in text
    assert "does not answer (connection refused)" in text


def test_a_command_in_a_sentence_is_shown_as_code() -> None:
    model = sample("operations", verdict="No worker is running. Start `meter worker`.")
    text = render.page("operations", model, site("/operations"))
    assert "Start <code>meter worker</code>." in text


@pytest.mark.parametrize(
    ("problem", "shown_as", "role"),
    [
        ("too little to advise: acme has 3 closed days", "Too little to advise", "status"),
        ("no closed day of acme has statements yet", "No closed day", "status"),
        ("juniper: the replay differs, run `meter verify`", "juniper: the replay differs", "alert"),
    ],
)
def test_why_there_is_no_advice_keeps_ids_and_alarms_only_where_something_is_wrong(
    problem: str, shown_as: str, role: str
) -> None:
    model = sample("advise", answer=None, problem=problem)
    page = read(render.page("advise", model, site("/accounts/juniper/advise")))
    assert shown_as in page.text
    assert [attrs["role"] for _, attrs in page.elements if "refused-question" in (attrs.get("class") or "")] == [role]
