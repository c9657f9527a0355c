"""What is known of the running meter beside its published topics: groups, lag, workers, the last verify."""

from dataclasses import dataclass, field

from meter.dashboard.models import Record
from meter.dashboard.operations_models import Balance, GroupView, VerifyView, WorkerView

NOBODY_SAYS = Balance(records=None, counted=None, duplicates=None, dead=None, null=None, difference=None, refused=None)


@dataclass(frozen=True)
class Observed:
    """What the operations watch saw at one moment."""

    verdict: str
    level: str
    groups: list[GroupView] = field(default_factory=list)
    balance: Balance = NOBODY_SAYS
    workers: list[WorkerView] = field(default_factory=list)
    set_aside: list[Record] = field(default_factory=list)
    verify: VerifyView = field(default_factory=lambda: VerifyView(differences=None, result=None, at=None))


def unknown(trouble: str | None) -> Observed:
    """Before anything was seen."""
    return Observed(verdict=f"not known: {trouble or 'Kafka has not been asked yet'}", level="unknown")
