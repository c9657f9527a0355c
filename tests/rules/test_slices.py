"""However a day is closed, in slices of any size, with usage and new workers between them: it is stated the same.

A seed tells a story of an account of many workspaces, two that share plans with some of them, and late changes.
"""

from random import Random
from typing import Any

import pytest

from tests import records
from tests.rules.days_world import Days
from tests.simulation.mutations import Mutation, broken

DAY, NOON, CLOSES = "2026-01-31", "2026-01-31T12:00:00Z", "2026-02-01T01:00:00Z"
NAMES = tuple(f"w{number}" for number in range(9))
#: Whom plans may list, and who mostly changes late.
SHARING = NAMES[:4]
ITEMS = ("sms", "logs", "datakit")
#: Larger than the day: one slice.
ALL = 1_000
LATE_CHANGES = 6


class Story:
    """What happens before the close (`begin`), and one change after another while it goes on (`change`)."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.days = Days("2026-01-31T02:00:00Z")
        self.changed = 0

    def begin(self) -> None:
        rng, days = self.rng, self.days
        for name in NAMES:
            days.bind(name, "big", commercial=None if name not in SHARING and rng.random() < 0.3 else "2026-01-01")
        days.bind("x", "after")
        days.order(records.top_up("big", "t", "9000000"), NOON)
        for plan in range(rng.choice((0, 1, 2, 3))):
            listed = rng.sample(SHARING, rng.choice((1, 3, 4)))
            days.order(records.purchase("big", f"p{plan}", "startup", listed, [records.pay("42000")]), NOON)
        days.use("x", "sms", 3, NOON)
        for name in rng.sample(NAMES, rng.randrange(4, len(NAMES))):
            for item in rng.sample(ITEMS, rng.randrange(1, 4)):
                self.use(name, item, NOON)

    def use(self, name: str, item: str, at: str) -> None:
        quantity = self.rng.choice((0, 1, 15, 30_000_000) if item == "logs" else (0, 1, 15, 300))
        self.days.use(name, item, quantity, NOON, at=at)

    def change(self) -> None:
        """Late usage, also of a workspace without any so far, or an upgrade that is known late."""
        self.changed += 1
        name = self.rng.choice((*NAMES, *SHARING, *SHARING))
        if self.rng.random() < 0.2:
            self.days.bind(name, "big", commercial=DAY)
        self.use(name, self.rng.choice(ITEMS), CLOSES)

    def stated(self) -> dict[str, dict[str, Any]]:
        """Each key's last statement, without when it was told."""
        last = {key: value for topic, key, value in self.days.published if topic == "statements"}
        return {key: {**value, "revision": 0, "restated": False} for key, value in last.items()}


def in_one_slice(seed: int) -> dict[str, dict[str, Any]]:
    """Everything happens, then the day is closed by one entry."""
    story = Story(seed)
    story.begin()
    for _ in range(LATE_CHANGES):
        story.change()
    story.days.close(DAY, CLOSES, items=ALL)
    return story.stated()


def in_slices(seed: int, items: int) -> dict[str, dict[str, Any]]:
    """Entries of so many items, between which things change and another worker takes over."""
    story, fate = Story(seed), Random(seed)
    story.begin()
    is_open = True
    while is_open:
        is_open = story.days.close_next(DAY, CLOSES, items)
        if fate.random() < 0.5:
            story.days.reopen()
        while story.changed < LATE_CHANGES and fate.random() < 0.6:
            story.change()
    while story.changed < LATE_CHANGES:
        story.change()
    return story.stated()


#: A break must show in so many seeds at most.
MUTATED = range(40)
CLOSING, FIGURES, STATEMENTS = (
    "meter.rules.fold.closing",
    "meter.rules.fold.recalculate",
    "meter.rules.outputs.statements",
)
MUTATIONS = (
    Mutation(
        "usage between slices is not stated", CLOSING, (("or facts.stated_through(account, day)):", "or False):"),)
    ),
    Mutation(
        "whoever is new between slices is passed over",
        CLOSING,
        (("closing[:3] != (sheet.account, sheet.day, sizes)", "closing[:2] != (sheet.account, sheet.day)"),),
    ),
    Mutation("those whose overage moves are not restated", FIGURES, (("or uses[name].revision == now", ""),)),
    Mutation("who had usage before is counted again", STATEMENTS, (("used - was_used", "used"),)),
)


@pytest.mark.parametrize("seed", range(40))
def test_slices_of_any_size_state_what_one_states(seed: int) -> None:
    once = in_one_slice(seed)
    assert len(once) > 5
    for items in (1, 2, 3, 5, 8, ALL):
        assert in_slices(seed, items) == once, f"{items} items a slice"


@pytest.mark.parametrize("items", [1, 2, 5])
def test_a_slice_that_was_lost_with_its_worker_is_published_again_unchanged(items: int) -> None:
    kept, lost = Story(7), Story(7)
    for story in (kept, lost):
        story.begin()
        is_open = True
        while is_open:
            if story is lost:
                story.days.chunked = True
                story.days.close_next(DAY, CLOSES, items)  # folded, never committed
                story.days.chunked = False
                story.days.reopen()
                story.days.offset -= 1
            is_open = story.days.close_next(DAY, CLOSES, items)
    assert lost.days.published == kept.days.published


@pytest.mark.parametrize("items", [3, 7, 20])
def test_no_entry_states_more_than_its_items_and_those_of_one_workspace(items: int) -> None:
    story = Story(3)
    story.begin()
    while True:
        before = len(story.days.published)
        is_open = story.days.close_next(DAY, CLOSES, items)
        collected = [value for topic, _, value in story.days.published[before:] if topic == "statements"]
        assert sum(len(value.get("items", ())) for value in collected) < items + len(ITEMS)
        if not is_open:
            break


@pytest.fixture(scope="module")
def unbroken() -> dict[int, dict[str, dict[str, Any]]]:
    """What is stated of each seed, in one slice."""
    return {seed: in_one_slice(seed) for seed in MUTATED}


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.what.replace(" ", "-"))
def test_a_break_is_noticed(mutation: Mutation, unbroken: dict[int, dict[str, dict[str, Any]]]) -> None:
    with broken(mutation):
        assert any(in_slices(seed, 2) != expected for seed, expected in unbroken.items())
