"""What the worker counts and measures, for `/metrics`; no id is ever a label.

Every series is there from the start, at 0 or, where nobody knows yet, as NaN: a rate of what never happened is 0, not
nothing. A worker of one role shows the metrics of that role only, so sums over a fleet hold no value that nobody keeps.
docs/metrics.md describes them.
"""

from collections.abc import Callable, Sequence
from math import nan
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from agents.metrics.publish_delay import PublishDelay, Wait
from meter.kafka.set_aside import Reason
from meter.verified import NEVER, last_differences
from meter.version import version
from schemas.orders import KINDS as ORDER_KINDS
from schemas.reasons import DeadReason, Refusal

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

#: Values of labels: kinds of input records, what becomes of one, and where records come from.
KINDS = ("usage", "order", "workspace")
OUTCOMES = ("counted", "duplicate", "dead", "null")
ORDER_OUTCOMES = ("accepted", "refused")
SHARED_TOPICS = ("usage", "workspaces", "plan-purchases")
WORKSPACE_TOPICS = "workspace topics"
SOURCES = (*SHARED_TOPICS, WORKSPACE_TOPICS)


class Metrics:
    """One worker's metrics, in a registry of its own; `role`: `all`, `intake` or `meter`."""

    #: Sets what is true at the moment, before a page is made of it.
    look: Callable[[], None] = staticmethod(lambda: None)

    def __init__(self, role: str = "all") -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call] # they double the page
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)  # descriptors open and allowed, memory, CPU: `process_…`
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        self._intake = registry if role in ("all", "intake") else None
        self._meter = registry if role in ("all", "meter") else None
        self._measure_worker()
        self._count_records()
        self._measure_intake()
        self._measure_waits()
        self._measure_fold()
        self._measure_days()
        if self._meter is not None:
            self._meter.register(self.publish_delay)
        self._begin_series()

    def _measure_worker(self) -> None:
        self._build = Gauge(
            "meter_build_info", "1; version: that of this worker's program", ["version"], registry=self.registry
        )
        self._build.labels(version()).set(1)
        self.ready = Gauge(
            "meter_ready",
            "1 while /ready answers 200: the groups have joined, every assigned partition is restored and being read",
            registry=self.registry,
        )
        self.freshness_seconds = Gauge(
            "meter_freshness_seconds",
            "Age of the newest moment up to which all that this worker's partitions hold is known to be handled and "
            "committed: 0 while nothing waits (idle too), rising while something does, is stuck, or Kafka is away; NaN "
            "until Kafka was heard of all of them",
            registry=self.registry,
        )
        self._verified = Gauge(
            "meter_verify_differences",
            "Differences that the last whole `meter verify` with this data directory found; -1: never ran",
            registry=self.registry,
        )

    def _count_records(self) -> None:
        registry = self.registry
        self._records = Counter(
            "meter_records",
            f"Input records. kind: {', '.join(KINDS)}. outcome: {', '.join(OUTCOMES)}; an order that is refused is "
            "counted too (meter_orders_total says so)",
            ["kind", "outcome"],
            registry=registry,
        )
        self._dead = Counter(
            "meter_dead_letters", f"Dead letters. reason: {', '.join(DeadReason)}", ["reason"], registry=registry
        )
        self._orders = Counter(
            "meter_orders",
            f"Orders decided. kind: {', '.join(ORDER_KINDS)}. outcome: {', '.join(ORDER_OUTCOMES)}",
            ["kind", "outcome"],
            registry=self._meter,
        )
        self._refusals = Counter(
            "meter_order_refusals",
            f"Orders refused. reason: {', '.join(Refusal)}",
            ["reason"],
            registry=self._meter,
        )

    def _measure_intake(self) -> None:
        registry = self._intake
        self.source_lag = Gauge(
            "meter_source_lag_records",
            "Records of this worker's source partitions that are not in the journal yet, markers of transactions and "
            "workspace topics that are set aside included; NaN while it is not known",
            registry=registry,
        )
        self.source_partitions = Gauge(
            "meter_source_partitions",
            f"Partitions that a shared source topic has; NaN until Kafka was heard. topic: {', '.join(SHARED_TOPICS)}",
            ["topic"],
            registry=registry,
        )
        self.source_partitions_assigned = Gauge(
            "meter_source_partitions_assigned",
            f"Source partitions assigned to this worker. topic: {', '.join(SOURCES)}",
            ["topic"],
            registry=registry,
        )
        self.lost = Counter(
            "meter_records_lost", "Records that `meter skip` accepted as lost, met by this worker", registry=registry
        )

    def _measure_waits(self) -> None:
        """What is not read, or waits for somebody else."""
        registry = self._intake
        self.topics_set_aside = Gauge(
            "meter_workspace_topics_set_aside",
            f"Workspace topics that are not read; each is counted by one worker. reason: {', '.join(Reason)}",
            ["reason"],
            registry=registry,
        )
        self.topic_partitions_read = Gauge(
            "meter_workspace_topic_partitions_read", "Partitions of workspace topics being read", registry=registry
        )
        self.open_transaction_seconds = Gauge(
            "meter_open_transaction_seconds",
            "How long a source has waited for a producer's open transaction, the longest of its partitions; 0: it does "
            f"not. topic: {', '.join(SOURCES)}",
            ["topic"],
            registry=registry,
        )
        self.records_held = Gauge(
            "meter_records_held",
            "Usage and orders of workspaces that nobody knows yet, held back by an open transaction on workspaces",
            registry=registry,
        )

    def _measure_fold(self) -> None:
        registry = self._meter
        self.journal_lag = Gauge(
            "meter_journal_lag_records",
            "Records of this worker's journal partitions that are not committed yet; NaN while it is not known",
            registry=registry,
        )
        self.newest_usage = Gauge(
            "meter_newest_usage_timestamp_seconds",
            "When Kafka had the newest usage that this worker committed figures of (Unix time); NaN: none yet",
            registry=registry,
        )
        self.publish_delay = PublishDelay()
        self.chunk_seconds = Histogram(
            "meter_chunk_seconds", "Seconds to fold one chunk of the journal", registry=registry, buckets=_SECONDS
        )
        self.transaction_seconds = Histogram(
            "meter_transaction_seconds",
            "Seconds to write and commit one chunk's transaction",
            registry=registry,
            buckets=_SECONDS,
        )
        self.overages = Counter("meter_overage_records", "Records published on overages", registry=registry)
        self.restatements = Counter(
            "meter_restatements", "Records published on overages and statements for closed days", registry=registry
        )
        self.partitions = Gauge(
            "meter_partitions_assigned", "Journal partitions assigned to this worker", registry=registry
        )
        self.journal_partitions = Gauge(
            "meter_journal_partitions", "Partitions that the journal has; NaN until it was opened", registry=registry
        )

    def _measure_days(self) -> None:
        registry = self._meter
        self.days_unclosed = Gauge(
            "meter_days_unclosed", "Days past their close (end and grace) that are not closed yet", registry=registry
        )
        self.restore_seconds = Gauge(
            "meter_restore_seconds",
            "Seconds that the longest restore of a journal partition took since the start",
            registry=registry,
        )
        self.identities = Gauge(
            "meter_identities",
            "Identities of events remembered until their day expires (estimate)",
            registry=registry,
        )

    def _begin_series(self) -> None:
        """Every series there is, before anything happened."""
        for kind in KINDS:
            for outcome in OUTCOMES:
                self._records.labels(kind, outcome)
        for reason in DeadReason:
            self._dead.labels(reason.value)
        for kind in ORDER_KINDS:
            for outcome in ORDER_OUTCOMES:
                self._orders.labels(kind, outcome)
        for refusal in Refusal:
            self._refusals.labels(refusal.value)
        for topic in SHARED_TOPICS:
            self.source_partitions.labels(topic).set(nan)
        for topic in SOURCES:
            self.source_partitions_assigned.labels(topic)
            self.open_transaction_seconds.labels(topic)
        for aside in Reason:
            self.topics_set_aside.labels(aside.value)
        for unknown in (self.freshness_seconds, self.source_lag, self.journal_lag, self.newest_usage):
            unknown.set(nan)
        self.journal_partitions.set(nan)
        self._verified.set(NEVER)

    def show_verified(self, data_dir: Path) -> None:
        """Show the last result that `meter verify` keeps in a data directory, read whenever it is asked for."""
        self._verified.set_function(lambda: last_differences(data_dir))

    def page(self) -> bytes:
        """The page of `/metrics`, true now."""
        self.look()
        return generate_latest(self.registry)

    def count(self, kind: str, outcome: str, records: int = 1) -> None:
        """Count input records."""
        if records:
            self._records.labels(kind, outcome).inc(records)

    def dead(self, reason: str, records: int = 1) -> None:
        """Count dead letters."""
        self._dead.labels(reason).inc(records)

    def committed(self, waits: Sequence[Wait], now: float) -> None:
        """Figures were committed at `now` (Unix s) that hold the usage of these groups."""
        if waits:
            self.publish_delay.committed(waits, now)
            self.newest_usage.set(self.publish_delay.newest_ms / 1000)

    def folded(self, kind: str, outcome: str, records: int) -> None:
        """Count what the fold counted: input records, decided orders, and what it published."""
        if kind in ("overage", "statement"):
            if kind == "overage":
                self.overages.inc(records)
            if outcome == "restated":
                self.restatements.inc(records)
        elif kind == "dead":
            self.dead(outcome, records)
        elif kind == "refusal":
            self._refusals.labels(outcome).inc(records)
        elif kind in ORDER_KINDS:
            self._orders.labels(kind, outcome).inc(records)
        else:
            self.count(kind, outcome, records)
