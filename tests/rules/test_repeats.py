"""Records in = counted + duplicate + dead: what the intake writes again after a failure is no record more."""

from meter.rules.billing_days import parse_day
from schemas.journal import BindingEntry, BindingGroup, Gathered, Named, Slot
from schemas.rows import NEVER
from tests.rules.days_world import Days, ms
from tests.usage_groups import usage_group

AT = "2026-01-31T08:00:00Z"
DAY = "2026-01-31"
NAMED = [Named("wksp_a", "acct", NEVER)]


def report(days: Days, offset: int, name: str, quantity: int = 1) -> None:
    """One event of `usage`/0 at a source offset."""
    slot = Slot(0, "api_calls", 0, parse_day(DAY), False)
    group = usage_group(offset, ms(AT), slot, "wksp_a", quantity, ms(AT) * 1000, name)
    days.append(Gathered(NAMED, [group]), AT)


def counts(days: Days, kind: str = "usage") -> dict[str, int]:
    return {outcome: number for (of, outcome), number in days.fold.counts.items() if of == kind and number}


def test_events_that_are_written_again_are_counted_once() -> None:
    days = Days()
    for _ in range(2):
        for offset, (name, quantity) in enumerate([("a", 1), ("b", 1), ("a", 1), ("b", 2)]):
            report(days, offset, name, quantity)
    assert counts(days) == {"counted": 2, "duplicate": 1, "dead": 1}
    assert counts(days, "dead") == {"conflicting_duplicate": 1}


def test_a_repeat_that_overlaps_what_follows_counts_only_that() -> None:
    days = Days()
    for offset in (0, 1, 2, 1, 2, 3, 4, 4):
        report(days, offset, "the same")
    assert counts(days) == {"counted": 1, "duplicate": 4}


def test_a_topic_that_was_made_again_is_counted_from_its_beginning() -> None:
    days = Days()
    for offset in range(5):
        report(days, offset, f"former {offset}")
    for offset in range(3):
        report(days, offset, f"new {min(offset, 1)}")
    assert counts(days) == {"counted": 7, "duplicate": 1}


def test_topics_are_apart_and_a_first_record_counts_though_usage_brought_the_same_first() -> None:
    days = Days()
    report(days, 7, "a")
    entries = [BindingEntry(3, ms(AT), 0)]
    days.append(Gathered(NAMED, [BindingGroup("workspaces", 0, entries)]), AT)
    report(days, 8, "a")
    assert counts(days) == {"counted": 1, "duplicate": 1}
    assert counts(days, "workspace") == {"counted": 1}
