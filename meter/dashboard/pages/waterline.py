"""The waterline: an item's quota as one bar divided among workspaces, a line at its end, overage beyond it.

Every bar has the line at the same place, so it is one line down the page. The part before it is a share of the
quota (the whole width up to the line is 100 %). Overage is drawn at the same scale until it reaches the edge;
more overage is compressed, and `broken` is set. Places and widths are percents of the whole bar.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

#: Position of the line, in percent of a bar's width.
LINE = 72.0
#: Least width of a piece, so that the smallest share is visible.
LEAST_WIDTH = 0.5
#: Shades of a workspace's colour; neighbours in a list have neighbouring shades, up and down again.
SHADES = 6
#: Widths (px) of the drawing from which a label may show, and the approximate width of its characters.
LABEL_STEPS = (260, 420, 620, 820, 1040)
CHARACTER_PX = 6.7
LABEL_PADDING_PX = 14


class Segment(NamedTuple):
    """A piece of a bar, `covered`, `left` or `over`; `fits`: the width (px) from which a label is shown; 0: none."""

    kind: str
    workspace: str
    value: int
    x: float
    width: float
    shade: int
    fits: int


class Bar(NamedTuple):
    """A bar: its pieces from left to right; `broken`: the part beyond the line is not to scale."""

    segments: list[Segment]
    line: float
    broken: bool


def bar(item: Mapping[str, Any], ranks: Mapping[str, int]) -> Bar:
    """The bar of an item of a day's model; `ranks`: each workspace's place in the account."""
    quota, overage = item["quota"], item["overage"]
    parts = item["workspaces"]
    segments = []
    if quota:
        covered = [(each["workspace"], each["covered"]) for each in parts if each["covered"]]
        segments += _row("covered", covered, 0.0, LINE * item["covered"] / quota, ranks)
        if item["left"]:
            end = segments[-1].x + segments[-1].width if segments else 0.0
            segments.append(Segment("left", "", item["left"], end, round(LINE - end, 3), 0, 0))
    room = 100.0 - LINE
    scaled = LINE * overage / quota if quota else room
    if overage:
        over = [(each["workspace"], each["overage"]) for each in parts if each["overage"]]
        width = min(max(scaled, LEAST_WIDTH), room)
        segments += _row("over", over, LINE, width, ranks)
    return Bar(segments, LINE, bool(quota) and scaled > room)


def _row(
    kind: str, parts: list[tuple[str, int]], begin: float, width: float, ranks: Mapping[str, int]
) -> list[Segment]:
    """Pieces beside each other, `width` in all, each in proportion to its value."""
    total = sum(value for _, value in parts)
    found, before = [], 0
    for workspace, value in parts:
        x = begin + width * before / total
        before += value
        end = begin + width * before / total
        size = end - x
        found.append(
            Segment(
                kind,
                workspace,
                value,
                round(x, 3),
                round(size, 3),
                shade(ranks.get(workspace, 0)),
                _fits(workspace, size),
            )
        )
    return found


def shade(rank: int) -> int:
    """A workspace's shade by its place in the account: 0, 1, … 5, 4, … 0, 1, …"""
    place = rank % (2 * SHADES - 2)
    return min(place, 2 * SHADES - 2 - place)


def _fits(label: str, width: float) -> int:
    """The narrowest drawing (of `LABEL_STEPS`, px) in which a label fits into `width` percent; 0 if none."""
    needed = (len(label) * CHARACTER_PX + LABEL_PADDING_PX) * 100
    return next((step for step in LABEL_STEPS if step * width >= needed), 0)


def ranks(items: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Each workspace's place in the account: by the item with most workspaces first, others after it."""
    longest_first = sorted(items, key=lambda item: -len(item["workspaces"]))
    names = dict.fromkeys(each["workspace"] for item in longest_first for each in item["workspaces"])
    return {name: place for place, name in enumerate(names)}


def spoken(name: str, item: Mapping[str, Any], words: Any) -> str:
    """The bar as a sentence for a screen reader; `words` formats a quantity."""
    over = [f"{each['workspace']} {words(each['overage'])}" for each in item["workspaces"] if each["overage"]]
    behind = f"over: {', '.join(over[:SPOKEN])}{_more(over)}" if over else "nobody is over"
    if not item["quota"]:
        return f"{name}: no plan has quota for it; by usage {words(item['overage'])}"
    drew = [f"{each['workspace']} {words(each['covered'])}" for each in item["workspaces"] if each["covered"]]
    inside = f"{', '.join(drew[:SPOKEN])}{_more(drew)}" if drew else "nobody drew from it"
    return f"{name}: quota {words(item['quota'])}, {words(item['left'])} left; drawn in order: {inside}; {behind}"


#: Workspaces named in the sentence.
SPOKEN = 8


def _more(names: list[str]) -> str:
    return f" and {len(names) - SPOKEN} more" if len(names) > SPOKEN else ""
