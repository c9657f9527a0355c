"""Events that the fold refuses in great number: some have a letter each, the others share letters, each told once."""

import json
from collections.abc import Sequence

import pytest

from meter.rules.billing_days import parse_day
from meter.rules.outputs import dead_letters
from schemas.columns import column, ints
from schemas.dead_letters import DeadLetter
from schemas.journal import Evidence, Gathered, Named, Slot, UsageGroup, encode_evidence
from schemas.rows import NEVER
from tests.oracle_check import dead_places
from tests.rules.days_world import Days, ms
from tests.usage_groups import identity_of

AT = "2026-01-31T08:00:00Z"
NAMED = [Named("wksp_a", "acct", NEVER)]
LETTERS = 10


def group(first: int, quantities: Sequence[int], items: Sequence[str] = ("api_calls",)) -> UsageGroup:
    """Events of one identity, or (of several items in turn) of one for each, with these quantities."""
    count = len(quantities)
    slots = [Slot(0, item, 0, parse_day("2026-01-31"), False) for item in items]
    turns = [number % len(items) for number in range(count)]
    names = ["same" if len(items) == 1 else f"{number}" for number in range(count)]
    identities = b"".join(identity_of("wksp_a", "s", name) for name in names)
    return UsageGroup(
        "usage",
        0,
        ms(AT),
        first,
        ms(AT) * 1000,
        slots,
        column(ints(turns)),
        column(ints(list(quantities))),
        column(ints(range(count))),
        column(ints([0] * count)),
        identities,
        encode_evidence(Evidence(["s"], [0] * count, names)),
    )


def letters(days: Days) -> list[DeadLetter]:
    return [DeadLetter.model_validate(value) for topic, _, value in days.published if topic == "dead-letters"]


def offsets(days: Days) -> list[int]:
    content = [dead_places(json.loads(letter.json_bytes())) for letter in letters(days)]
    return sorted(place[2] for each in content for place, _ in each)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letters, "LETTERS_A_GROUP", LETTERS)


def test_conflicts_beyond_some_share_a_letter_and_each_is_reported_once() -> None:
    days = Days()
    days.append(Gathered(NAMED, [group(100, range(1, 41))]), AT)
    assert offsets(days) == list(range(101, 140))
    shared = [letter for letter in letters(days) if letter.records]
    assert [(letter.records, letter.reason, letter.sha256) for letter in shared] == [
        (29, "conflicting_duplicate", None)
    ]
    assert days.fold.counts["usage", "dead"] == days.fold.counts["dead", "conflicting_duplicate"] == 39
    assert len(letters(days)) == LETTERS + 1


def test_refused_events_among_good_ones_are_named_in_runs_without_them() -> None:
    days = Days()
    days.append(Gathered(NAMED, [group(0, [1] * 50, ("api_calls", "fax"))]), AT)
    assert offsets(days) == list(range(1, 50, 2))
    (shared,) = [letter for letter in letters(days) if letter.records]
    assert shared.reasons == {"unknown_item": 15}
    assert shared.ranges == [[offset, offset] for offset in range(21, 50, 2)]
    assert days.fold.counts["usage", "counted"] == 25
    days.append(Gathered(NAMED, [group(0, [1] * 50, ("api_calls", "fax"))]), AT)  # written again by the intake
    assert days.fold.counts["usage", "dead"] == 25
