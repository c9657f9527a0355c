"""The topics that `meter budget watch` creates beside a meter's, and the names it uses."""

from dataclasses import dataclass

from meter.kafka.topics import DAY_MS, LAG, OUTPUT_RETENTION_DAYS, TopicSpec
from meter.settings import Settings

BUDGETS, BUDGET_ALERTS = "budgets", "budget-alerts"


@dataclass(frozen=True)
class BudgetTopics:
    """Names under a prefix; `BudgetTopics.of(prefix)` makes one."""

    prefix: str
    budgets: str
    alerts: str

    @classmethod
    def of(cls, prefix: str) -> "BudgetTopics":
        """The names under `prefix`."""
        return cls(prefix, prefix + BUDGETS, prefix + BUDGET_ALERTS)

    @property
    def group(self) -> str:
        """The group that shares the partitions among watching processes."""
        return f"{self.prefix}meter-budgets"

    def transactional_id(self, partition: int) -> str:
        """The transactional id for the alerts of a partition: the next owner fences the one before."""
        return f"{self.prefix}meter-budgets-{partition}"


def budget_specs(settings: Settings, partitions: int) -> tuple[TopicSpec, ...]:
    """The settings of both topics: as many partitions as the journal, so an account has the same one everywhere."""
    names = BudgetTopics.of(settings.topic_prefix)
    compact = LAG | {"cleanup.policy": "compact"}
    kept = LAG | {"cleanup.policy": "compact,delete", "retention.ms": str(OUTPUT_RETENTION_DAYS * DAY_MS)}
    return (
        TopicSpec(names.budgets, partitions, compact, needs=frozenset({"cleanup.policy"})),
        TopicSpec(names.alerts, partitions, kept),
    )
