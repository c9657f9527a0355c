"""Each alert is tested both ways, says what it means in numbers, and has its section in the runbook."""

import re
from typing import Any

import pytest
import yaml

from tests.monitoring.expressions import PROMETHEUS, ROOT, alerts

ALERTS = alerts()
NAMES = {alert["alert"] for alert in ALERTS}
SEVERITIES = {"critical", "warning", "info"}
PARTS = ("Meaning", "Impact", "Diagnosis", "Mitigation")


def cases() -> list[dict[str, Any]]:
    """Every test of an alert."""
    files = [PROMETHEUS / name for name in ("rules.test.yaml", "rules.week.test.yaml")]
    tests = [test for path in files for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]]
    return [each for test in tests for each in test["alert_rule_test"]]


def sections() -> dict[str, str]:
    """The runbook's sections by heading."""
    text = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")
    return {part.partition("\n")[0]: part for part in text.split("\n## ")[1:]}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: f"{alert['alert']} {alert['labels']['severity']}")
def test_an_alert_says_what_where_and_what_to_do(alert: dict[str, Any]) -> None:
    annotations = alert["annotations"]
    assert set(annotations) == {"summary", "description", "runbook_url"}
    assert alert["labels"]["severity"] in SEVERITIES
    assert annotations["summary"].endswith(".")
    assert annotations["description"].endswith(".")
    address, _, anchor = annotations["runbook_url"].partition("#")
    assert (address, anchor) == ("http://127.0.0.1:6067/docs/runbook", alert["alert"].lower())


@pytest.mark.parametrize("name", sorted(NAMES))
def test_an_alert_has_a_firing_and_a_quiet_series(name: str) -> None:
    of_it = [each for each in cases() if each["alertname"] == name]
    severities = {alert["labels"]["severity"] for alert in ALERTS if alert["alert"] == name}
    fired = {expected["exp_labels"]["severity"] for each in of_it for expected in each["exp_alerts"]}
    assert fired == severities
    assert all(expected["exp_annotations"] for each in of_it for expected in each["exp_alerts"])
    assert [each for each in of_it if not each["exp_alerts"]], "nothing shows that it is quiet"


@pytest.mark.parametrize("name", sorted(NAMES))
def test_an_alert_has_its_section_in_the_runbook(name: str) -> None:
    section = sections()[name]
    assert re.findall(r"^\*\*(\w+)\.\*\* \S", section, re.MULTILINE) == list(PARTS)


def test_the_runbook_has_no_section_of_an_alert_that_is_gone() -> None:
    assert set(sections()) == NAMES


def test_the_tests_name_no_alert_that_is_gone() -> None:
    assert {each["alertname"] for each in cases()} == NAMES
