"""What the worker counts and measures, for `/metrics`; no id is ever a label."""

from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from meter.verified import NEVER, last_differences

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """One worker's metrics, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)  # descriptors open and allowed, memory, CPU: `process_…`
        self._records = Counter(
            "meter_records", "Input records by kind and outcome", ["kind", "outcome"], registry=registry
        )
        self._dead = Counter("meter_dead_letters", "Dead letters by reason", ["reason"], registry=registry)
        self.source_lag = Gauge("meter_source_lag_records", "Records not yet taken in", registry=registry)
        self.journal_lag = Gauge("meter_journal_lag_records", "Journal records not yet folded", registry=registry)
        self.chunk_seconds = Histogram("meter_chunk_seconds", "Folding one chunk", registry=registry, buckets=_SECONDS)
        self.transaction_seconds = Histogram(
            "meter_transaction_seconds", "Committing one chunk", registry=registry, buckets=_SECONDS
        )
        self.freshness_seconds = Gauge(
            "meter_freshness_seconds", "Age of the newest usage in committed figures", registry=registry
        )
        self.overages = Counter("meter_overage_records", "Overage records published", registry=registry)
        self.restatements = Counter("meter_restatements", "Records of closed days published", registry=registry)
        self.days_unclosed = Gauge(
            "meter_days_unclosed", "Days past their close that are not closed", registry=registry
        )
        self.restore_seconds = Gauge("meter_restore_seconds", "The longest restore since the start", registry=registry)
        self.identities = Gauge("meter_identities", "Identities remembered (estimate)", registry=registry)
        self.partitions = Gauge("meter_partitions_assigned", "Journal partitions assigned", registry=registry)
        self.lost = Counter("meter_records_lost", "Records accepted as lost", registry=registry)
        self._measure_waits(registry)
        self.newest_ms: dict[str, int] = {}
        self._verified = Gauge(
            "meter_verify_differences",
            "Differences that the last whole `meter verify` with this data directory found; -1: never ran",
            registry=registry,
        )
        self._verified.set(NEVER)

    def _measure_waits(self, registry: CollectorRegistry) -> None:
        """What is not read, or waits for somebody else."""
        self.topics_set_aside = Gauge(
            "meter_workspace_topics_set_aside",
            "Workspace topics that are not read, by reason; each counted by one worker",
            ["reason"],
            registry=registry,
        )
        self.topic_partitions_read = Gauge(
            "meter_workspace_topic_partitions_read", "Partitions of workspace topics being read", registry=registry
        )
        self.open_transaction_seconds = Gauge(
            "meter_open_transaction_seconds",
            "How long a source has waited for a producer's open transaction, the longest of its partitions",
            ["topic"],
            registry=registry,
        )
        self.records_held = Gauge(
            "meter_records_held",
            "Usage and orders of workspaces that nobody knows yet, held back by an open transaction on workspaces",
            registry=registry,
        )

    def show_verified(self, data_dir: Path) -> None:
        """Show the last result that `meter verify` keeps in a data directory, read whenever it is asked for."""
        self._verified.set_function(lambda: last_differences(data_dir))

    def count(self, kind: str, outcome: str, records: int = 1) -> None:
        """Count input records."""
        if records:
            self._records.labels(kind, outcome).inc(records)

    def dead(self, reason: str, records: int = 1) -> None:
        """Count dead letters."""
        self._dead.labels(reason).inc(records)

    def folded(self, kind: str, outcome: str, records: int) -> None:
        """Count what the fold counted: input records, and what it published."""
        if kind in ("overage", "statement"):
            if kind == "overage":
                self.overages.inc(records)
            if outcome == "restated":
                self.restatements.inc(records)
        elif kind == "dead":
            self.dead(outcome, records)
        else:
            self.count(kind, outcome, records)

    def seen(self, kind: str, timestamp_ms: int) -> None:
        """Remember the newest record of a kind that was taken in."""
        self.newest_ms[kind] = max(self.newest_ms.get(kind, 0), timestamp_ms)
