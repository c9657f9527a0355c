"""Plots are well-formed SVG, and their axes hold what is drawn."""

import math
from xml.etree import ElementTree

import pytest

from benchmarks.plots import Axis, Panel, Point, pieces, powers, short, svg, ticks

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("most", [0, 0.003, 1, 7, 10, 99, 100, 101, 123_456, 1e9])
def test_ticks_begin_at_zero_and_reach_the_most(most: float) -> None:
    marks = ticks(most)
    assert marks[0] == 0
    assert marks[-1] >= most
    assert 2 <= len(marks) <= 8
    assert marks[-1] <= 2 * max(most, 0.5)


def test_powers_of_ten_lie_around_what_is_drawn() -> None:
    assert powers(3, 2_000) == [1, 10, 100, 1_000, 10_000]
    assert powers(1, 1) == [1, 10]


def test_numbers_on_an_axis_are_short() -> None:
    assert [short(number) for number in (0, 0.5, 20, 2_000, 2_500_000)] == ["0", "0.5", "20", "2k", "2.5M"]


def test_a_line_is_cut_at_its_gaps() -> None:
    assert pieces([(0, 1), (1, 2), (2, math.nan), (3, 4)]) == [[(0, 1), (1, 2)], [(3, 4)]]
    assert pieces([(0, math.nan)]) == []


@pytest.mark.parametrize("logarithmic", [False, True])
def test_every_line_is_inside_the_picture(logarithmic: bool) -> None:
    lines: dict[str, list[Point]] = {"a & b": [(1, 5), (10, 0), (100, 9)], "<c>": [(1, 1), (50, math.nan), (100, 2)]}
    text = svg([Panel("first", lines), Panel("second", lines, dots=True)], Axis("x", logarithmic, marks=[10]))
    root = ElementTree.fromstring(text)
    width, height = map(float, (root.attrib["viewBox"].split())[2:])
    drawn = [point for line in root.iter(f"{SVG}polyline") for point in line.attrib["points"].split()]
    assert len(drawn) == 2 * (3 + 2)
    for point in drawn:
        x, y = map(float, point.split(","))
        assert 0 <= x <= width
        assert 0 <= y <= height
    assert {each.text for each in root.iter(f"{SVG}text")} >= {"a & b", "<c>", "first", "second", "x"}
