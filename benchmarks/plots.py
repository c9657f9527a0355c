"""Line charts as SVG, written by hand: panels one below the other, over one x axis.

Colours hold on a white and on a dark ground; every panel begins at 0, so that a slope is as steep as it is.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

WIDTH, HEIGHT = 900, 170
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 26, 34
COLOURS = ("#1f77b4", "#d95f02", "#2a9d5c", "#8856a7", "#b8860b", "#c0392b")
TICKS = 5

Point = tuple[float, float]


@dataclass(frozen=True)
class Panel:
    """One chart: its title with the unit, and its lines by name; a gap in a line is a point whose y is NaN."""

    title: str
    lines: Mapping[str, Sequence[Point]]
    dots: bool = False


@dataclass(frozen=True)
class Axis:
    """The x axis: its title, whether it is logarithmic, and moments to mark with a grey line."""

    title: str
    logarithmic: bool = False
    marks: Sequence[float] = field(default=())


def ticks(most: float, count: int = TICKS) -> list[float]:
    """Round numbers from 0 up to at least `most`, about `count` of them."""
    if most <= 0:
        return [0.0, 1.0]
    rough = most / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    return [step * number for number in range(math.ceil(most / step - 1e-9) + 1)]


def powers(least: float, most: float) -> list[float]:
    """The powers of ten around an interval."""
    first, last = math.floor(math.log10(least)), math.ceil(math.log10(most))
    return [10.0**power for power in range(first, max(last, first + 1) + 1)]


def short(number: float) -> str:
    """A number for an axis: 2,000 is 2k."""
    for size, name in ((1e6, "M"), (1e3, "k")):
        if abs(number) >= size:
            return f"{number / size:g}{name}"
    return f"{number:g}"


def svg(panels: Sequence[Panel], axis: Axis) -> str:
    """The whole picture."""
    inside = WIDTH - LEFT - RIGHT
    xs = [x for panel in panels for line in panel.lines.values() for x, _ in line]
    grid = powers(min(xs), max(xs)) if axis.logarithmic else ticks(max(xs, default=1))
    scale = math.log10 if axis.logarithmic else float
    low, high = scale(grid[0]), scale(grid[-1])

    def across(x: float) -> float:
        return LEFT + (scale(x) - low) / (high - low) * inside

    body = [part for number, panel in enumerate(panels) for part in _panel(panel, axis, grid, across, number * HEIGHT)]
    whole = HEIGHT * len(panels) + 22
    body.append(_text(LEFT + inside / 2, whole - 8, axis.title, "middle"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {whole}" font-family="sans-serif" '
        f'font-size="12">\n<rect width="{WIDTH}" height="{whole}" fill="#ffffff"/>\n' + "\n".join(body) + "\n</svg>\n"
    )


def _panel(
    panel: Panel, axis: Axis, grid: Sequence[float], across: Callable[[float], float], top: float
) -> Iterable[str]:
    known = [y for line in panel.lines.values() for _, y in line if not math.isnan(y)]
    steps = ticks(max(known, default=1))
    floor, tall = top + HEIGHT - BOTTOM, HEIGHT - TOP - BOTTOM

    def up(y: float) -> float:
        return floor - y / steps[-1] * tall

    yield _text(LEFT, top + 16, panel.title, "start", bold=True)
    for mark in axis.marks:
        yield _line(across(mark), top + TOP, across(mark), floor, "#cccccc")
    for y in steps:
        yield _line(LEFT, up(y), WIDTH - RIGHT, up(y), "#e4e4e4")
        yield _text(LEFT - 6, up(y) + 4, short(y), "end")
    for x in grid:
        yield _text(across(x), floor + 15, short(x), "middle")
    for number, (name, line) in enumerate(panel.lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        for piece in pieces(line):
            dots = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in piece)
            yield f'<polyline points="{dots}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
            if panel.dots:
                yield from (f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="3" fill="{colour}"/>' for x, y in piece)
        yield _text(WIDTH - RIGHT - 150 * (len(panel.lines) - number - 1), top + 16, name, "end", colour)


def pieces(line: Sequence[Point]) -> list[list[Point]]:
    """A line cut at its gaps."""
    cut: list[list[Point]] = [[]]
    for x, y in line:
        if math.isnan(y):
            cut.append([])
        else:
            cut[-1].append((x, y))
    return [piece for piece in cut if piece]


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'


def _text(x: float, y: float, text: str, anchor: str, colour: str = "#333333", bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}"{weight}>{escape(text)}</text>'
