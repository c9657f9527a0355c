"""Writes docs/metrics.md from the metrics themselves: `python -m agents.metrics.page > docs/metrics.md`."""

from collections.abc import Iterator
from textwrap import fill

from prometheus_client.metrics_core import Metric

from agents.metrics.metrics import Metrics

COLUMNS = 116
INTRODUCTION = """\
# Metrics

<!-- Written by `make docs` from the metrics themselves; tests/agents/test_metrics.py compares. -->

Every worker shows these at `/metrics` of its web port (`METER_WEB_PORT`, 6066), in the text format of Prometheus.
[ops/](../ops) has alerts and Grafana dashboards that use them; the [runbook](runbook.md) says what to do at each alert.

- **No id is ever a label.** Accounts, workspaces, plans and items are not in here: the output topics have them.
- **Every series is there from the start**, at 0. So `rate()` and `increase()` of what never happened are 0, not empty.
- **NaN means that nobody knows.** A gauge never repeats the last value that it had: when Kafka does not answer, the
  lags are NaN. Comparisons with NaN are false, `max()` leaves it out and `sum()` becomes NaN: what one worker does not
  know, the sum does not know.
- **A worker shows what its role measures.** With `--role intake` or `--role meter` the other role's metrics are absent.
- **Counters live in the worker** and begin at 0 with it. What a killed worker had counted is gone from its counters;
  the figures are not.
- Gauges say what is at the moment of the scrape. Sum them over the workers of a job, except where it says *maximum*.
"""

#: What the help text does not say: how to use it.
NOTES = {
    "meter_build_info": "Join it to others: `meter_ready * on (job, instance) group_left (version) meter_build_info`.",
    "meter_ready": "The page `/ready` says what an unready worker waits for.",
    "meter_freshness_seconds": (
        "The one number to watch. Take the maximum over the workers: `max by (job) (meter_freshness_seconds)`. An idle "
        "meter is at 0 for days. It rises by a second each second where a partition is stuck, where a partition is "
        "restored or opened again, and while Kafka does not answer. In a backlog it is the age of the last record "
        "handled. "
        "It is 0 while a producer's transaction is open: what is not committed was not sent."
    ),
    "meter_verify_differences": "Anything above 0 is an incident. Take the maximum.",
    "meter_records": (
        "Records in = counted + duplicate + dead + null: the sum over the outcomes is the number of input records that "
        "were handled. While no worker dies it adds up exactly ([guarantees](guarantees.md#22-the-metrics-add-up))."
    ),
    "meter_dead_letters": "Each reason, with its mend: [dead letters](spec.md#8-inputs). `records_lost` counts gaps.",
    "meter_orders": "Every order that is `counted` in `meter_records_total` is accepted or refused here.",
    "meter_order_refusals": "Refusals are answers to the billing centre, not faults of the meter.",
    "meter_source_lag_records": (
        "A steady number is a backlog that is worked off as fast as it grows; watch its derivative, and "
        "`meter_freshness_seconds` for what it means in time."
    ),
    "meter_source_partitions": "Maximum. More than the sum of `meter_source_partitions_assigned`: some have no worker.",
    "meter_source_partitions_assigned": "Workspace topics that are set aside are assigned too.",
    "meter_records_lost": (
        "A skip is met right after a start, so the first scrape may already see it: `increase()` alone misses that."
    ),
    "meter_workspace_topics_set_aside": "`/ready` and `meter doctor` name the topics.",
    "meter_workspace_topic_partitions_read": "Assigned ones less those that are set aside.",
    "meter_open_transaction_seconds": "Maximum. Kafka ends one after its producer's `transaction.timeout.ms`.",
    "meter_records_held": "They are counted in `meter_source_lag_records` too.",
    "meter_journal_lag_records": "A journal record holds up to thousands of events.",
    "meter_newest_usage_timestamp_seconds": (
        "Maximum. `time() - max by (job) (meter_newest_usage_timestamp_seconds)` is the age of the newest usage: while "
        "`meter_freshness_seconds` is 0 it says for how long nobody has sent any."
    ),
    "meter_chunk_seconds": "Up to 1,000 journal records are a chunk, and one transaction.",
    "meter_transaction_seconds": "Kafka's part of it: writing outputs and changelog, and the commit.",
    "meter_overage_records": "Its rate is what consumers of `overages` have to keep up with.",
    "meter_restatements": "Late usage, corrections and late orders restate closed days. A few each day are normal.",
    "meter_partitions_assigned": "The sum over the workers is `meter_journal_partitions`.",
    "meter_journal_partitions": "Maximum. It never changes.",
    "meter_publish_delay_seconds": (
        "Share of events whose figures were committed within 10 s: "
        '`sum(rate(meter_publish_delay_seconds_bucket{le="10.0"}[5m])) / '
        "sum(rate(meter_publish_delay_seconds_count[5m]))`. "
        "A meter that is stuck commits nothing and so observes nothing: alert on `meter_freshness_seconds`."
    ),
    "meter_days_unclosed": (
        "Maximum. A day closes once everything that reached Kafka by its end and grace is handled, so a source that is "
        "behind holds it up. (promtool takes the `days` of the name for a unit; the name is part of the contract.)"
    ),
    "meter_restore_seconds": "Maximum. The time without this partition after it moves to this worker.",
    "meter_identities": "They take 24 bytes each in changelog and store, and go when their day expires.",
}
OTHERS = "The process and its runtime, from the Prometheus client; `process_…` on Linux only."


def page() -> Iterator[str]:
    """The page, line by line."""
    yield INTRODUCTION
    families = list(Metrics().registry.collect())
    roles = {role: {family.name for family in Metrics(role).registry.collect()} for role in ("intake", "meter")}
    for family in families:
        if family.name.startswith("meter_"):
            shown = [role for role, names in roles.items() if family.name in names]
            yield from _section(family, "every worker" if len(shown) == 2 else f"workers of role {shown[0]}")
    yield "## process_… and python_…\n"
    yield f"{OTHERS}\n"
    for family in families:
        if not family.name.startswith("meter_"):
            yield f"- `{_exported(family)}`: {family.documentation[0].lower()}{family.documentation[1:].rstrip('.')}."


def _section(family: Metric, where: str) -> Iterator[str]:
    labels = [f"`{label}`" for label in family.samples[0].labels if label != "le"]
    yield f"## {_exported(family)}\n"
    yield f"*{family.type}{', labels ' if labels else ''}{', '.join(labels)}; {where}*\n"
    for text in (f"{family.documentation}.", NOTES[family.name]):
        yield fill(text, COLUMNS, break_long_words=False, break_on_hyphens=False) + "\n"


def _exported(family: Metric) -> str:
    """The name as a page of `/metrics` has it."""
    return f"{family.name}_total" if family.type == "counter" else family.name


if __name__ == "__main__":
    print("\n".join(page()))
