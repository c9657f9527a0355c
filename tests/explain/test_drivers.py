"""Drivers: they begin and end at the two published figures, add up exactly, and blame only what changed."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter.explain.cell import Cell, figure_of
from meter.explain.change_model import DRIVERS, Drivers
from meter.explain.drivers import drivers, scaled, steps
from meter.rules.billing_days import parse_day
from tests.explain.journal_world import PublishedFigure, World, histories

SEEDS = range(2_000, 2_060)


def pairs(world: World) -> Iterator[tuple[PublishedFigure, PublishedFigure]]:
    """Two revisions after each other of each key, and the last ones of keys that differ in the day only."""
    by_key: dict[str, list[PublishedFigure]] = {}
    for each in world.published():
        by_key.setdefault(each.key, []).append(each)
    for those in by_key.values():
        yield from pairwise(those)
    last = sorted((key.rpartition("/")[0], those[-1].offset, those[-1]) for key, those in by_key.items())
    for (cell, _, one), (other_cell, _, other) in pairwise(last):
        if cell == other_cell:
            yield one, other


def cell_at(world: World, said: PublishedFigure) -> Cell:
    value = said.value
    day = parse_day(value["day"])
    return world.cell(value["account"], value["workspace"], value["item"], day, said.offset)[0]


def test_drivers_of_published_figures_add_up(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    blamed: dict[str, int] = dict.fromkeys(DRIVERS, 0)
    for history in histories(SEEDS):
        for world in history.worlds:
            for one, other in pairs(world):
                found = drivers(cell_at(world, one), cell_at(world, other), (one.offset, other.offset))
                problems = list(of_drivers(found, one.value, other.value))
                assert not problems, f"seed {history.seed}, {one.key} {one.offset} to {other.offset}: {problems}"
                for step in found.steps:
                    blamed[step.driver] += step.units != 0 or Decimal(step.amount) != 0
    assert all(blamed[name] for name in DRIVERS if name != "prices"), blamed


def of_drivers(found: Drivers, before: Any, after: Any) -> Iterator[str]:
    """The ends are the published figures, the steps their difference, in units and in money."""
    for side, published in ((found.before, before), (found.after, after)):
        result = (side.usage, side.covered, side.overage, Fraction(side.amount))
        wanted = (
            *(published[name] for name in ("usage", "covered", "overage")),
            Fraction(published["charge"]["amount"]),
        )
        if result != wanted:
            yield f"{result} is published as {wanted}"
    units, amount = after["overage"] - before["overage"], Fraction(after["charge"]["amount"])
    amount -= Fraction(before["charge"]["amount"])
    if (found.units, Fraction(found.amount)) != (units, amount):
        yield f"the difference is {found.units} and {found.amount}, should be {units} and {amount}"
    if sum(step.units for step in found.steps) != units:
        yield f"units of the steps do not add up: {found.steps}"
    if sum(Fraction(step.amount) for step in found.steps) != amount:
        yield f"money of the steps does not add up: {found.steps}"
    if [step.driver for step in found.steps] != list(DRIVERS):
        yield f"the order is {found.steps}"


def test_a_change_of_one_group_is_blamed_on_it_alone(caplog: pytest.LogCaptureFixture) -> None:
    """Exchanging one group of two real cells changes nothing but by its own driver."""
    caplog.set_level(logging.CRITICAL)
    tried = 0
    for history in histories(SEEDS):
        for world in history.worlds:
            for one, other in pairs(world):
                problems = list(of_blame(cell_at(world, one), cell_at(world, other)))
                assert not problems, f"seed {history.seed}, {one.key} at {one.offset}: {problems}"
                tried += 1
    assert tried > 50


def of_blame(before: Cell, after: Cell) -> Iterator[str]:
    """Only the driver of what changed says anything, and the last step is the other cell itself."""
    for name, changed in only_one_group(before, after):
        found = drivers(before, changed, (1, 2))
        wrong = [step for step in found.steps if step.driver != name and (step.units, step.amount) != (0, "0.00")]
        if wrong:
            yield f"{name} alone changed: {wrong}"
    if steps(before, after)[-1] != after:
        yield f"the last step is {steps(before, after)[-1]}, not {after}"


def only_one_group(before: Cell, after: Cell) -> Iterator[tuple[str, Cell]]:
    item = replace(before.item, price=before.item.price + 1)
    yield "prices", replace(before, item=item)
    if before.own.free == after.own.free:
        yield "plans_and_quota", replace(before, plans=after.plans, day=after.day)
    yield "plans_and_quota", replace(before, own=replace(before.own, free=True))
    yield "workspaces_before", replace(before, usage=after.usage)
    doubled = {days: 2 * quantity for days, quantity in (before.own.sums or {}).items() if quantity > 0}
    if before.own.event is None:
        yield "own_volume", replace(before, own=replace(before.own, sums=doubled))
        turned = dict(zip(sorted(doubled, reverse=True), [doubled[days] for days in sorted(doubled)], strict=True))
        yield "retention_mix", replace(before, own=replace(before.own, sums={d: q // 2 for d, q in turned.items()}))


QUANTITIES = st.dictionaries(st.sampled_from([0, 3, 7, 14, 30]), st.integers(0, 7), max_size=4)


@given(QUANTITIES, st.integers(0, 20))
def test_scaled_quantities_are_whole_and_make_the_total(quantities: dict[int, int], total: int) -> None:
    made = scaled(quantities, total)
    if not sum(quantities.values()):
        assert made == {}
        return
    assert sum(made.values()) == total
    whole = sum(quantities.values())
    assert all(abs(Fraction(made[days]) - Fraction(q * total, whole)) < 1 for days, q in quantities.items())
    assert scaled(quantities, whole) == quantities


def test_the_steps_end_at_the_cell_itself(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    for history in histories(range(2_000, 2_010)):
        for world in history.worlds:
            for one, other in pairs(world):
                before, after = cell_at(world, one), cell_at(world, other)
                found = steps(before, after)
                assert (found[0], found[-1]) == (before, after)
                assert figure_of(found[-1]) == figure_of(after)
