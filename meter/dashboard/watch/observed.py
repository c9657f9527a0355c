"""The watch's observation at one moment, and its verdict in a sentence: running, behind, stuck, unknown."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from meter.dashboard.models import Record
from meter.dashboard.operations_models import Balance, GroupView, VerifyView, WorkerView
from schemas.plurals import counted

#: Records that wait longer are late; if the group commits nothing meanwhile, it is stuck.
LATE_SECONDS, STUCK_SECONDS = 10.0, 60.0
NOBODY_SAYS = Balance(records=None, counted=None, duplicates=None, dead=None, null=None, difference=None, refused=None)


@dataclass(frozen=True)
class Observed:
    """One observation."""

    verdict: str
    level: str
    groups: list[GroupView] = field(default_factory=list)
    balance: Balance = NOBODY_SAYS
    workers: list[WorkerView] = field(default_factory=list)
    set_aside: list[Record] = field(default_factory=list)
    verify: VerifyView = field(default_factory=lambda: VerifyView(differences=None, result=None, at=None))


def unknown(trouble: str | None) -> Observed:
    """The observation before the first look, or while Kafka does not answer."""
    return Observed(verdict=f"Not known: {trouble or 'Kafka has not been asked yet'}.", level="unknown")


def verdict_of(groups: Sequence[GroupView], set_aside: int, still_seconds: float) -> tuple[str, str]:
    """The sentence and its level; `still_seconds`: time since the last commit of any group while records wait."""
    lag = sum(group.lag or 0 for group in groups)
    wait = max((group.lag_seconds or 0.0 for group in groups), default=0.0)
    empty = [group for group in groups if group.members == 0 and (group.lag or not group.role.endswith("topics"))]
    behind = "nothing waits"
    if lag:
        behind = f"{counted(lag, 'record')} {'waits' if lag == 1 else 'wait'}, the oldest for {wait:.0f} s"
    if all(not group.members for group in groups):
        return f"No worker is running: {behind}. Start `meter worker`.", "bad"
    if empty:
        names = ", ".join(group.group for group in empty)
        return f"No worker is in {names}: {behind}. Start a worker of that role.", "bad"
    if lag and still_seconds >= STUCK_SECONDS:
        return f"Stuck: {behind}, and nothing was handled for {still_seconds:.0f} s. Read the workers' logs.", "bad"
    if wait >= LATE_SECONDS:
        return f"Running, but behind: {behind}.", "late"
    if set_aside:
        topics = "1 workspace topic is" if set_aside == 1 else f"{set_aside} workspace topics are"
        return f"Running; {topics} not read.", "late"
    return ("Running, nothing waits." if not lag else f"Running: {behind}."), "good"
