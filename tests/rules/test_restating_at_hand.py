"""What is kept at hand of restated days changes what a restatement costs, never what it says."""

from random import Random

import pytest

from tests.rules.days_world import Days

NAMES = ("a", "b", "c", "d")
CLOSED, LATE = "2026-02-01T02:00:00Z", "2026-02-01T{:02d}:00:00Z"


def one_late_change(days: Days, rng: Random, number: int) -> None:
    """A late event or correction, an upgrade, or an order of the day after, as the seed says."""
    at, name = LATE.format(3 + number), rng.choice(NAMES)
    what = rng.random()
    if what < 0.15:
        days.bind(name, commercial=rng.choice(("2026-01-31", "2026-01-01")))
    if what < 0.25:
        order = {"order_id": f"c{number}", "account": "acct", "kind": "change_workspaces", "plan_id": "P1"}
        days.order({**order, "workspaces": rng.sample(NAMES[:2], 2)}, at)
    days.use(
        name,
        rng.choice(("logs", "sms", "datakit")),
        rng.choice((0, 1, 20_000_000)),
        "2026-01-31T08:00:00Z",
        at=at,
        corrected=rng.random() < 0.2,
        id=f"late-{number}",
    )


def story(seed: int, started_anew: bool) -> list[object]:
    rng, days = Random(seed), Days()
    for name in NAMES:
        days.bind(name, commercial="2026-01-01" if name < "c" or rng.random() < 0.5 else None)
    days.order({"order_id": "t", "account": "acct", "kind": "top_up", "method": "cash", "amount": "9999999.00"}, NOON)
    for plan in ("P1", "P2")[: rng.choice((0, 1, 2))]:
        bought = {"order_id": plan, "account": "acct", "kind": "purchase", "plan": "startup", "workspaces": ["a", "b"]}
        days.order({**bought, "payments": [{"method": "cash", "amount": "42000.00"}]}, NOON)
    for name in NAMES:
        days.use(name, "logs", rng.choice((1, 30_000_000)), NOON, id=f"first-{name}")
    days.close_through("2026-01-31", CLOSED)
    for number in range(12):
        if started_anew:
            days.reopen()
        one_late_change(days, rng, number)
    return list(days.published)


NOON = "2026-01-31T07:00:00Z"


@pytest.mark.parametrize("seed", range(60))
def test_restatements_are_the_same_with_and_without_a_start_before_each(seed: int) -> None:
    at_hand, from_rows = story(seed, False), story(seed, True)
    assert at_hand == from_rows
