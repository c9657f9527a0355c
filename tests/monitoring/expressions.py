"""Every PromQL expression that `ops/` ships, what it selects, and what a worker exports."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import promql_parser
import yaml

from agents.metrics.metrics import Metrics

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "ops/prometheus"
DASHBOARDS = sorted((ROOT / "ops/grafana/dashboards").glob("*.json"))
#: What Prometheus itself adds to every scraped series.
OF_THE_TARGET = {"job", "instance"}
#: Series of Prometheus' own.
OF_PROMETHEUS = {"up": OF_THE_TARGET}


class Selector(NamedTuple):
    """A series that an expression names, and the values that it wants of labels, where it names one."""

    metric: str
    labels: dict[str, str | None]


def rules() -> list[dict[str, Any]]:
    """Every rule, recording ones too."""
    described = yaml.safe_load((PROMETHEUS / "rules.yaml").read_text(encoding="utf-8"))
    return [rule for group in described["groups"] for rule in group["rules"]]


RECORDED = {rule["record"] for rule in rules() if "record" in rule}


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def board(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def panels(path: Path) -> list[dict[str, Any]]:
    """The panels of a dashboard that show something."""
    return [panel for panel in board(path)["panels"] if panel["type"] != "row"]


def of_dashboards(rate_interval: str = "5m") -> Iterator[tuple[str, str]]:
    """Where an expression of a dashboard stands, and the expression with Grafana's variables filled in."""
    for path in DASHBOARDS:
        for panel in panels(path):
            for target in panel["targets"]:
                expression = target["expr"].replace("$__rate_interval", rate_interval).replace("$job", ".*")
                yield f"{path.stem}: {panel['title']}", expression


def of_rules() -> Iterator[tuple[str, str]]:
    """The same for rules."""
    for rule in rules():
        yield rule.get("alert") or rule["record"], rule["expr"]


def selectors(expression: str) -> list[Selector]:
    """What an expression selects."""
    found: list[Selector] = []

    def visit(node: promql_parser.Expr) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            wanted = {
                matcher.name: matcher.value if matcher.op == promql_parser.MatchOp.Equal else None
                for matcher in node.matchers.matchers
            }
            found.append(Selector(str(node.name), wanted))
        return True

    promql_parser.walk(promql_parser.parse(expression), visit)
    return found


def exported() -> dict[str, dict[str, set[str]]]:
    """Every sample of a worker: its labels, and their values."""
    found: dict[str, dict[str, set[str]]] = {}
    for family in Metrics().registry.collect():
        for sample in family.samples:
            labels = found.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                labels.setdefault(label, set()).add(value)
    return found
