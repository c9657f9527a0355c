"""The explanation broken on purpose, one place at a time: a law, the oracle or a brute force notices each."""

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from meter.explain.drivers import drivers
from tests.explain import laws, test_counting, test_drivers, test_sources, test_what_would_change_it
from tests.explain.journal_world import histories
from tests.explain.test_every_figure import explained
from tests.simulation.mutations import Mutation, broken
from tests.simulation.truth import truth

#: A break must show in so many seeds at most.
SEEDS = range(60)


def figures() -> Iterator[str]:
    """What the laws say of every revision."""
    for history in histories(SEEDS):
        for world in history.worlds:
            for each in world.published():
                found = explained(world, each)
                yield from laws.of_figure(found, each.value)
                yield from laws.of_history(found)


def sources() -> Iterator[str]:
    """What the oracle says of the figures and of their sources in the end."""
    for history in histories(range(1_000, 1_000 + len(SEEDS))):
        prediction = truth(history.simulator.world, [world.log for world in history.worlds])
        fates = test_sources.fates_of(history, prediction)
        for cell, figure in prediction.figures.items():
            found = test_sources.explained(history, cell)
            yield from test_sources.figure_problems(found, figure)
            yield from test_sources.source_problems(found, cell, fates)
            yield from test_sources.drawn_problems(found, cell, prediction)


def differences() -> Iterator[str]:
    """What the laws say of drivers."""
    for history in histories(range(2_000, 2_000 + len(SEEDS))):
        for world in history.worlds:
            for one, other in test_drivers.pairs(world):
                cells = test_drivers.cell_at(world, one), test_drivers.cell_at(world, other)
                found = drivers(*cells, (one.offset, other.offset))
                yield from test_drivers.of_drivers(found, one.value, other.value)
                yield from test_drivers.of_blame(*cells)


def brute_force() -> Iterator[str]:
    """What the oracle's own allocation says of what would change a figure."""
    plans, usage = test_what_would_change_it.PLANS, test_what_would_change_it.USAGE
    yield from raised(
        partial(tried, test, st.tuples(*examples))
        for test, examples in (
            (
                test_what_would_change_it.test_the_fewest_traffic_packages_are_the_fewest,
                (plans, usage, st.integers(1, 3)),
            ),
            (test_what_would_change_it.test_the_first_place_of_each_list_is_counted, (plans, usage)),
            (test_what_would_change_it.test_those_before_it_are_named_with_what_they_drew, (plans, usage)),
            (
                test_what_would_change_it.test_a_list_at_all_is_priced_as_converted_usage,
                (test_what_would_change_it.OF_OTHERS, usage),
            ),
        )
    )


def tried(test: Any, examples: st.SearchStrategy[tuple[Any, ...]]) -> None:
    """A property on the same examples every time; one that fails is enough, and is not made small."""

    @settings(max_examples=100, derandomize=True, database=None, deadline=None, phases=(Phase.generate,))
    @given(examples)
    def on_examples(values: tuple[Any, ...]) -> None:
        test.hypothesis.inner_test(*values)

    on_examples()


def counting() -> Iterator[str]:
    """What the counting of single events says."""
    tests = [test for name, test in vars(test_counting).items() if name.startswith("test_")]
    yield from raised(tests)


def raised(tests: Iterable[Callable[[], None]]) -> Iterator[str]:
    """What tests fail with."""
    for test in tests:
        try:
            test()
        except Exception as error:
            yield repr(error)


#: One place, or several that are broken together.
Texts = str | tuple[str, ...]

BROKEN: tuple[tuple[Callable[[], Iterator[str]], str, str, Texts, Texts], ...] = (
    (sources, "a repeat counts again", "count", "found[suspects[ordered[1:][equal]]] = True", "pass"),
    (sources, "half an identity is enough", "count", "equal = np.all(", "equal = np.any("),
    (sources, "the last of two repeats counts", "count", "ordered[1:][equal]", "ordered[:-1][equal]"),
    (
        sources,
        "a conflict counts",
        "count",
        "alive = np.flatnonzero(~dead)\n        if",
        "alive = np.arange(len(dead))\n        if",
    ),
    (
        counting,
        "the highest correction stands",
        "count",
        "_rank(found) > _rank(best)",
        "found.quantity > best.quantity",
    ),
    (sources, "a correction is a report", "count", "events |= {who", "_ = {who"),
    (figures, "sums of one retention only", "count", "by_retention.get(kinds[number].retention, 0) + total", "total"),
    (
        figures,
        "what others used is not converted",
        "count",
        "converted(_own(counted, workspace, day).use(item), item)",
        "sum(sums.values())",
    ),
    (sources, "a free day is charged", "count", "NEVER) > day", "NEVER) > day + 1"),
    (
        sources,
        "what the intake wrote again is a record more",
        "count",
        "kept = np.flatnonzero(~written_again)",
        "kept = np.arange(len(source))",
    ),
    (counting, "letters of the intake take a count back", "dead", "if letter.rebuilt or", "if True or"),
    (
        sources,
        "dead letters of other workspaces are counted",
        "dead",
        ("(self.item, self.workspace) if", "(self.workspace, self.item)\n"),
        ("(self.item,) if", "(subject, self.item)\n"),
    ),
    (sources, "dead letters of other days are counted", "dead", "return wanted and", "return wanted or"),
    (
        figures,
        "plans as they stand now",
        "figures",
        "if line.item == item and line.since <= day <= line.through",
        "if line.item == item",
    ),
    (
        sources,
        "who stands behind drew before",
        "figures",
        "share.workspaces[:place] if who in draws",
        "share.workspaces if who in draws and who != cell.own.workspace",
    ),
    (
        figures,
        "what is left forgets those before",
        "figures",
        "left = share.quota - sum(draw.drawn for draw in before)",
        "left = share.quota",
    ),
    (sources, "what was reported is not floored", "figures", "quantity = max(0, total)", "quantity = total"),
    (figures, "the factor is left out", "figures", "converted=quantity * factor", "converted=quantity"),
    (
        figures,
        "the oldest revision is explained",
        "explain",
        "published[-1].record if published else None\n    return",
        "published[0].record if published else None\n    return",
    ),
    (
        differences,
        "the mix is exchanged with the volume",
        "drivers",
        "sum(_counted(after).values())) or",
        "sum(_counted(before).values())) or",
    ),
    (
        differences,
        "the day is not exchanged with the plans",
        "drivers",
        "plans=after.plans, day=after.day,",
        "plans=after.plans,",
    ),
    (
        differences,
        "the free tier is not exchanged",
        "drivers",
        "own=replace(now.own, free=after.own.free)",
        "own=now.own",
    ),
    (brute_force, "one traffic package too many", "what_if", "return high", "return high + 1"),
    (
        brute_force,
        "the first plan's packages only",
        "what_if",
        "if found is None or units < found[0]:",
        "if found is None:",
    ),
    (brute_force, "the last place instead of the first", "what_if", "(name, *others)", "(*others, name)"),
    (
        brute_force,
        "those behind it are named too",
        "what_if",
        "for who in share.workspaces[: share.workspaces.index(name)]",
        "for who in share.workspaces",
    ),
    (
        brute_force,
        "a list at its beginning",
        "what_if",
        "(*listed_on(plan, day), name)",
        "(name, *listed_on(plan, day))",
    ),
)


@pytest.mark.parametrize(("judge", "what", "module", "old", "new"), BROKEN, ids=[row[1] for row in BROKEN])
def test_it_is_noticed(
    judge: Callable[[], Iterator[str]],
    what: str,
    module: str,
    old: Texts,
    new: Texts,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL)
    edits = tuple(zip(_each(old), _each(new), strict=True))
    with broken(Mutation(what, f"meter.explain.{module}", edits)):
        try:
            noticed = next(judge(), None)
        except Exception as error:
            noticed = repr(error)
    assert noticed, f"nothing notices that {what}"


def _each(texts: Texts) -> tuple[str, ...]:
    return (texts,) if isinstance(texts, str) else texts
