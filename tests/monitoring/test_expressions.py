"""Alerts and dashboards speak of what a worker exports, and of all of it."""

import promql_parser
import pytest

from tests.monitoring.expressions import (
    DASHBOARDS,
    OF_PROMETHEUS,
    OF_THE_TARGET,
    PROMETHEUS,
    RECORDED,
    exported,
    of_dashboards,
    of_rules,
    rules,
    selectors,
)
from tests.support.promtool import promtool

EXPORTED = exported()
EXPRESSIONS = [*of_rules(), *of_dashboards()]
#: Exported, and in no alert and no dashboard: why.
EXCUSED = {
    "process_virtual_memory_bytes": "a store maps files; resident memory is what counts",
    "python_info": "the image says it",
    "python_gc_objects_collected_total": "for who looks into a slow worker",
    "python_gc_objects_uncollectable_total": "the same",
    "python_gc_collections_total": "the same",
    "meter_chunk_seconds_sum": "the quantiles say it",
    "meter_chunk_seconds_count": "a chunk is a transaction",
    "meter_transaction_seconds_sum": "the quantiles say it",
}


@pytest.mark.parametrize(("where", "expression"), EXPRESSIONS, ids=[where for where, _ in EXPRESSIONS])
def test_an_expression_selects_what_there_is(where: str, expression: str) -> None:
    found = selectors(expression)
    assert found, f"{where} selects nothing"
    for metric, labels in found:
        if metric in RECORDED or metric in OF_PROMETHEUS:
            assert set(labels) <= OF_THE_TARGET
            continue
        assert metric in EXPORTED, f"{where}: no worker exports {metric}"
        for label, value in labels.items():
            known = EXPORTED[metric].get(label)
            assert known is not None or label in OF_THE_TARGET, f"{where}: {metric} has no label {label}"
            assert value is None or known is None or value in known, f"{where}: no {label} is {value}"


@pytest.mark.parametrize(("where", "expression"), EXPRESSIONS, ids=[where for where, _ in EXPRESSIONS])
def test_an_expression_groups_by_labels_that_there_are(where: str, expression: str) -> None:
    there = {*OF_THE_TARGET, *(label for metric, _ in selectors(expression) for label in EXPORTED.get(metric, ()))}

    def visit(node: promql_parser.Expr) -> bool:
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
            assert set(node.modifier.labels) <= there, where
        return True

    promql_parser.walk(promql_parser.parse(expression), visit)


def test_every_exported_metric_is_used_or_excused() -> None:
    used = {selector.metric for _, expression in EXPRESSIONS for selector in selectors(expression)}
    unused = set(EXPORTED) - used
    assert unused - set(EXCUSED) == set(), "show it in a dashboard, or say why not"
    assert set(EXCUSED) - unused == set(), "these are used, or gone"


def test_what_is_recorded_is_used() -> None:
    used = {selector.metric for _, expression in EXPRESSIONS for selector in selectors(expression)}
    assert RECORDED - used == set()


def test_promtool_takes_the_rules_and_the_configuration() -> None:
    done = promtool("check", "config", PROMETHEUS / "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules())} rules found" in done.stdout


@pytest.mark.parametrize("name", ["rules.test.yaml", "rules.week.test.yaml"])
def test_promtool_passes_the_tests_of_the_rules(name: str) -> None:
    done = promtool("test", "rules", PROMETHEUS / name)
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_are_dashboards() -> None:
    assert [path.name for path in DASHBOARDS] == ["usage-meter-overview.json", "usage-meter-topics.json"]
