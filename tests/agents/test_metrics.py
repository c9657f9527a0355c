"""Metrics: what is shown is measured somewhere, or it would say 0 for ever."""

from pathlib import Path

from prometheus_client import Counter, Gauge, Histogram

import agents
from agents import metrics

#: What sets a metric, or counts in it.
DEEDS = (".set(", ".inc(", ".observe(", ".labels(", ".set_function(")


def test_every_metric_is_measured() -> None:
    (folder,) = agents.__path__
    code = "".join(path.read_text(encoding="utf-8") for path in Path(folder).rglob("*.py"))
    shown = {name for name, each in vars(metrics.Metrics()).items() if isinstance(each, Counter | Gauge | Histogram)}
    assert len(shown) > 10
    assert {name for name in shown if not any(f".{name}{deed}" in code for deed in DEEDS)} == set()
