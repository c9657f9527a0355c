"""Small usage groups that are counted together change rows, outputs and counts as if each came after the other."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter.rules.fold import small_groups
from schemas.columns import column, ints
from schemas.journal import Evidence, Gathered, Named, Slot, UsageGroup, encode_evidence
from schemas.rows import NEVER, NO_RETENTION
from tables import keys
from tests.rules.days_world import Days, ms
from tests.usage_groups import identity_of

OPENED, AT = "2026-01-30T12:00:00Z", "2026-01-30T13:00:00Z"
DAY = Days().fold.known().zone.day_of(ms(AT) * 1000)
WORKSPACES = ("w0", "w1", "w2")
ITEMS = (("logs", 14), ("traces", 7), ("datakit", NO_RETENTION), ("sms", NO_RETENTION))


class Event(NamedTuple):
    """An event of a group, by numbers."""

    item: int
    quantity: int
    name: int
    minute: int


class Group(NamedTuple):
    """A usage group of one workspace; `before`: it came that many offsets before the last of its topic."""

    workspace: int
    shared: bool
    events: Sequence[Event]
    before: int
    corrected: bool
    unknown: bool
    expired: bool


events = st.builds(Event, st.integers(0, 3), st.integers(0, 5), st.integers(0, 6), st.integers(0, 1))
rarely = st.integers(0, 9).map(lambda number: number == 0)
groups = st.builds(
    Group,
    st.integers(0, 2),
    rarely,
    st.lists(events, min_size=1, max_size=5),
    st.integers(0, 6).map(lambda number: max(0, number - 4)),
    rarely,
    rarely,
    rarely,
)
#: Records, each with the first commercial day of every workspace (days after the first; 3: it is free still).
records = st.lists(
    st.tuples(st.lists(groups, min_size=1, max_size=8), st.lists(st.integers(0, 3), min_size=3, max_size=3)), max_size=4
)


class Journal:
    """Gives groups their places in their topics."""

    def __init__(self) -> None:
        self.ends: dict[str, int] = {}

    def record(self, told: Sequence[Group], commercial: Sequence[int]) -> Gathered:
        named = [
            Named(workspace, f"a{number % 2}", NEVER if commercial[number] == 3 else DAY - 1 + commercial[number])
            for number, workspace in enumerate(WORKSPACES)
        ]
        return Gathered(named, [self._group(group) for group in told])

    def _group(self, told: Group) -> UsageGroup:
        topic = "usage" if told.shared else f"usage.{WORKSPACES[told.workspace]}"
        first = max(0, self.ends.get(topic, 0) - told.before)
        self.ends[topic] = max(self.ends.get(topic, 0), first + len(told.events))
        used = list(dict.fromkeys(event.item for event in told.events))
        day = DAY - 40 if told.expired else DAY
        names = ["nothing" if told.unknown else ITEMS[item][0] for item in used]
        slots = [
            Slot(told.workspace, name, ITEMS[item][1], day, told.corrected)
            for name, item in zip(names, used, strict=True)
        ]
        ids = [str(event.name) for event in told.events]
        return UsageGroup(
            topic,
            0,
            ms(AT),
            first,
            ms(AT) * 1000,
            slots,
            column(ints([used.index(event.item) for event in told.events])),
            column(ints([event.quantity for event in told.events])),
            column(ints(range(len(told.events)))),
            column(ints([event.minute for event in told.events])),
            b"".join(identity_of(WORKSPACES[told.workspace], "s", name) for name in ids),
            encode_evidence(Evidence(["s"], [0] * len(ids), ids)),
        )


def folded(told: Sequence[tuple[Sequence[Group], Sequence[int]]]) -> dict[str, Any]:
    """Everything that can be seen of a fold of these records; of packed identities how many there are of each day."""
    days, journal = Days(OPENED), Journal()
    for made, commercial in told:
        days.append(journal.record(made, commercial), AT)
    return {
        "published": days.published,
        "counts": days.fold.counts,
        "folded": {topic: days.fold.repeats.through(topic, 0) for topic in journal.ends},
        "rows": [(key, value) for key, value in days.changelog if not key.startswith(keys.PACKED)],
        "identities": sorted((key, len(value or b"")) for key, value in days.changelog if key.startswith(keys.PACKED)),
    }


@given(records)
def test_groups_that_are_counted_together_are_counted_as_one_after_the_other(told: Any) -> None:
    together = folded(told)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(small_groups, "SMALL", 0)
        assert folded(told) == together
