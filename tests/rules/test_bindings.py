"""What records of `workspaces` tell the fold, and how they are counted."""

from meter.rules.billing_days import parse_day
from schemas.journal import BindingEntry, BindingGroup, Gathered, Named
from schemas.rows import NEVER
from tests.rules.days_world import Days, ms

AT = "2026-01-31T08:00:00Z"


def bind(days: Days, *told: tuple[str, int], first: int = 0) -> None:
    """One journal record with these records of `workspaces` (workspace, first commercial day), from an offset on."""
    named = [Named(workspace, "acct", commercial) for workspace, commercial in told]
    entries = [BindingEntry(first + number, ms(AT), number) for number in range(len(told))]
    days.append(Gathered(named, [BindingGroup("workspaces", 0, entries)]), AT)


def counted(days: Days) -> tuple[int, int]:
    counts = days.fold.counts
    return counts.get(("workspace", "counted"), 0), counts.get(("workspace", "duplicate"), 0)


def test_a_record_that_gives_something_new_is_counted() -> None:
    days, today = Days(), parse_day("2026-01-31")
    bind(days, ("wksp_a", NEVER), ("wksp_b", today))
    assert counted(days) == (2, 0)
    bind(days, ("wksp_a", today), first=2)
    assert counted(days) == (3, 0)


def test_what_the_intake_writes_again_is_counted_once() -> None:
    days, today = Days(), parse_day("2026-01-31")
    bind(days, ("wksp_a", NEVER), ("wksp_b", today))
    bind(days, ("wksp_a", NEVER), ("wksp_b", today))
    assert counted(days) == (2, 0)
