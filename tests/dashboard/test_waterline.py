"""The waterline: every bar is the quota cut in priority order, the line at its end, behind it who is over."""

import itertools
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter.dashboard.pages import waterline
from meter.dashboard.pages.figures import short
from tests.dashboard.page_models import MILLION, item, worked_day

ITEMS = st.builds(
    lambda quota, usages: item("logs", quota * MILLION, {f"w{n}": u * MILLION for n, u in enumerate(usages)}),
    st.integers(0, 3),
    st.lists(st.integers(0, 3), max_size=5),
)


def bar_of(one: Mapping[str, Any]) -> waterline.Bar:
    """The bar of an item by itself."""
    return waterline.bar(one, waterline.ranks([one]))


def test_the_worked_example_is_full_to_the_line_and_staging_is_behind_it() -> None:
    drawn = bar_of(worked_day()["items"]["logs"])
    assert [(each.kind, each.workspace, each.value) for each in drawn.segments] == [
        ("covered", "acme-prod", 100 * MILLION),
        ("covered", "acme-staging", 50 * MILLION),
        ("over", "acme-staging", 50 * MILLION),
    ]
    prod, staging, over = drawn.segments
    assert prod.x == 0
    assert prod.width == pytest.approx(waterline.LINE * 2 / 3, abs=0.01)
    assert staging.x + staging.width == pytest.approx(waterline.LINE, abs=0.01)
    assert over.x == waterline.LINE
    assert over.width == pytest.approx(waterline.LINE / 3, abs=0.01)


@given(ITEMS)
def test_what_is_covered_ends_before_the_line_and_what_is_over_begins_at_it(one: dict[str, Any]) -> None:
    for each in bar_of(one).segments:
        if each.kind == "over":
            assert each.x >= waterline.LINE
            assert each.x + each.width <= 100.01
        else:
            assert each.x + each.width <= waterline.LINE + 0.01


@given(ITEMS)
def test_a_piece_is_as_wide_as_its_share_of_the_quota(one: dict[str, Any]) -> None:
    drawn = bar_of(one)
    for each in drawn.segments:
        if each.kind != "over" or (one["quota"] and not drawn.broken):
            assert each.width == pytest.approx(waterline.LINE * each.value / one["quota"], abs=0.01)
    assert sum(each.value for each in drawn.segments if each.kind == "over") == one["overage"]


@given(ITEMS)
def test_the_pieces_lie_side_by_side_in_priority_order(one: dict[str, Any]) -> None:
    for kind in ("covered", "over"):
        pieces = [each for each in bar_of(one).segments if each.kind == kind]
        order = [part["workspace"] for part in one["workspaces"]]
        assert [each.workspace for each in pieces] == [name for name in order if name in {p.workspace for p in pieces}]
        for before, after in itertools.pairwise(pieces):
            assert after.x == pytest.approx(before.x + before.width, abs=0.01)


def test_an_overage_of_many_quotas_is_squeezed_in_and_says_so() -> None:
    drawn = bar_of(item("logs", MILLION, {"a": 500 * MILLION}))
    assert drawn.broken
    assert drawn.segments[-1].x + drawn.segments[-1].width == pytest.approx(100)
    assert not bar_of(item("logs", 150 * MILLION, {"a": 200 * MILLION})).broken


def test_an_overage_of_one_is_still_seen() -> None:
    assert bar_of(item("logs", 10**12, {"a": 10**12 + 1})).segments[-1].width >= waterline.LEAST_WIDTH


def test_without_quota_everything_is_behind_the_line() -> None:
    drawn = bar_of(item("sms", 0, {"a": 10, "b": 30}, plan=""))
    assert [each.kind for each in drawn.segments] == ["over", "over"]
    assert not drawn.broken


def test_neighbours_have_neighbouring_shades() -> None:
    shades = [waterline.shade(rank) for rank in range(40)]
    assert set(shades) == set(range(waterline.SHADES))
    assert all(abs(before - after) == 1 for before, after in itertools.pairwise(shades))


def test_a_workspace_has_one_place_in_every_item() -> None:
    first, second = item("logs", 0, {"a": 1, "b": 1, "c": 1}), item("traces", 0, {"c": 1, "z": 1})
    assert waterline.ranks([second, first]) == {"a": 0, "b": 1, "c": 2, "z": 3}


def test_the_bar_has_a_text_for_who_cannot_see_it() -> None:
    logged = waterline.spoken("logs", worked_day()["items"]["logs"], short)
    assert logged == (
        "logs: quota 150 M, 0 left; drawn in order: acme-prod 100 M, acme-staging 50 M; over: acme-staging 50 M"
    )
