"""Metrics: all that is shown is measured, there from the start, described with its labels, and what promtool takes."""

import re
from math import isnan
from pathlib import Path

import pytest
from prometheus_client import Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import Metric

import agents
from agents.metrics.metrics import KINDS, OUTCOMES, Metrics
from agents.metrics.page import NOTES, page
from agents.metrics.publish_delay import BOUNDS, PublishDelay
from meter.version import version
from schemas.orders import KINDS as ORDER_KINDS
from schemas.reasons import DeadReason, Refusal
from tests.support.promtool import promtool

#: What sets a metric, or counts in it.
DEEDS = (".set(", ".inc(", ".observe(", ".labels(", ".set_function(")
#: promtool takes the days for a unit; the name is the contract's (SPEC §10).
NAMED_BY_THE_CONTRACT = 'meter_days_unclosed use base unit "seconds" instead of "days"'
ROOT = Path(__file__).parents[2]
ROLES = ("all", "intake", "meter")


def families(role: str = "all") -> dict[str, Metric]:
    """What a new worker shows, by name."""
    return {family.name: family for family in Metrics(role).registry.collect()}


def test_every_metric_is_measured() -> None:
    (folder,) = agents.__path__
    code = "".join(path.read_text(encoding="utf-8") for path in Path(folder).rglob("*.py"))
    shown = {name for name, each in vars(Metrics()).items() if isinstance(each, Counter | Gauge | Histogram)}
    assert len(shown) > 10
    assert {name for name in shown if not any(f".{name}{deed}" in code for deed in DEEDS)} == set()


def test_promtool_finds_only_what_the_contract_names_so() -> None:
    for role in ROLES:
        done = promtool("check", "metrics", stdin=generate_latest(Metrics(role).registry))
        left = set((done.stdout + done.stderr).split("\n")) - {"", NAMED_BY_THE_CONTRACT}
        assert left == set(), role


def test_every_series_is_there_from_the_start() -> None:
    found = families()
    values = {name: {tuple(s.labels.values()): s.value for s in found[name].samples} for name in found}
    assert values["meter_records"] == {(kind, outcome): 0 for kind in KINDS for outcome in OUTCOMES}
    assert values["meter_dead_letters"] == {(reason.value,): 0 for reason in DeadReason}
    assert values["meter_orders"] == {(kind, how): 0 for kind in ORDER_KINDS for how in ("accepted", "refused")}
    assert values["meter_order_refusals"] == {(refusal.value,): 0 for refusal in Refusal}
    assert all(found[name].samples for name in found), "no family is without a series"
    assert values["meter_build_info"] == {(version(),): 1}


def test_what_nobody_knows_yet_is_no_number() -> None:
    found = families()
    for name in ("freshness_seconds", "source_lag_records", "journal_lag_records", "newest_usage_timestamp_seconds"):
        (sample,) = found[f"meter_{name}"].samples
        assert isnan(sample.value), name


def test_help_lists_the_labels_and_all_their_values() -> None:
    for name, family in families().items():
        for label in {label for sample in family.samples for label in sample.labels} - {"le", "version"}:
            if name.startswith("meter_"):
                listed = re.search(rf"\b{label}: ([^.;]*)", family.documentation)
                assert listed, f"{name} does not list its {label}s"
                values = {sample.labels[label] for sample in family.samples}
                assert set(listed[1].split(", ")) == values, f"{name}, {label}"


def test_a_role_shows_what_it_measures_and_the_process() -> None:
    intake, meter, both = (set(families(role)) for role in ("intake", "meter", "all"))
    assert intake | meter == both
    assert {"meter_source_lag_records", "meter_records_lost"} <= intake - meter
    assert {"meter_journal_lag_records", "meter_publish_delay_seconds", "meter_orders"} <= meter - intake
    shared = {"meter_records", "meter_build_info", "meter_ready", "meter_freshness_seconds", "process_cpu_seconds"}
    assert shared | {"python_info", "python_gc_collections"} <= intake & meter


def test_the_publish_delay_counts_events_by_their_group() -> None:
    delay = PublishDelay()
    delay.committed([(1_000_000, 3), (990_000, 2), (1_010_000, 1)], now=1_005.0)
    (family,) = delay.collect()
    samples = {(s.name.rpartition("_")[2], s.labels.get("le")): s.value for s in family.samples}
    assert samples["bucket", "0.05"] == 1, "a clock of the broker that is ahead makes no negative delay"
    assert samples["bucket", "2.5"] == 1
    assert samples["bucket", "5.0"] == 4, "a bound belongs to its bucket"
    assert samples["bucket", "30.0"] == samples["count", None] == samples["bucket", "+Inf"] == 6
    assert samples["sum", None] == 3 * 5 + 2 * 15
    assert len([1 for name, _ in samples if name == "bucket"]) == len(BOUNDS) + 1
    assert delay.newest_ms == 1_010_000


@pytest.mark.parametrize("kind", ORDER_KINDS)
def test_a_decided_order_counts_by_what_became_of_it(kind: str) -> None:
    metrics = Metrics()
    metrics.folded("order", "counted", 3)
    metrics.folded(kind, "accepted", 1)
    metrics.folded(kind, "refused", 2)
    metrics.folded("refusal", Refusal.UNKNOWN_ITEM.value, 2)
    value = metrics.registry.get_sample_value
    assert value("meter_orders_total", {"kind": kind, "outcome": "refused"}) == 2
    assert value("meter_orders_total", {"kind": kind, "outcome": "accepted"}) == 1
    assert value("meter_order_refusals_total", {"reason": "unknown_item"}) == 2
    assert value("meter_dead_letters_total", {"reason": "unknown_item"}) == 0
    assert value("meter_records_total", {"kind": "order", "outcome": "counted"}) == 3


def test_the_reference_of_the_metrics_is_the_one_that_they_write() -> None:
    written = "\n".join(page()) + "\n"
    assert (ROOT / "docs/metrics.md").read_text(encoding="utf-8") == written, "run `make docs`"
    assert set(NOTES) == {name for name in families() if name.startswith("meter_")}
