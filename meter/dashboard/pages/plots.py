"""Drawings of advice: ranges, cost curves, days; places and widths in percent, each with words for a screen reader."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from meter.dashboard.pages.figures import money

Model = Mapping[str, Any]
ZERO = Decimal(0)
#: Points of a cost curve that are drawn.
CURVE_POINTS = 12
#: Fewer points are no curve, fewer days no line.
LEAST_POINTS, LEAST_DAYS = 2, 2


def ranges(alternatives: Sequence[Model]) -> list[dict[str, Any]]:
    """Each alternative's P10 to P90 on one scale, with 0 marked: that of those that save, where there are some."""
    every = [_saves(each) for each in alternatives]
    scale = [each for each in every if each["mean"] > 0] or every
    low = min([ZERO, *(each["p10"] for each in scale)])
    high = max([ZERO, *(each["p90"] for each in scale)])
    width = (high - low) or Decimal(1)

    def place(amount: Decimal) -> float:
        return round(float((min(max(amount, low), high) - low) * 100 / width), 2)

    found = []
    for each in every:
        begin, end = place(each["p10"]), place(each["p90"])
        found.append(
            {
                "zero": place(ZERO),
                "begin": begin,
                "width": max(round(end - begin, 2), 1.0),
                "median": place(each["median"]),
                "outside": each["p90"] < low,
                "saves": each["mean"] > 0,
                "spoken": f"P10 {money(each['p10'])}, median {money(each['median'])}, P90 {money(each['p90'])}",
            }
        )
    return found


def _saves(each: Model) -> dict[str, Decimal]:
    return {name: Decimal(amount) for name, amount in each["saves_a_day"].items()}


def curves(answer: Model) -> list[dict[str, Any]]:
    """By package, a column for each number bought: what packages cost, and on it the overage; the least is marked.

    A curve of two points says little: of such only the first is drawn.
    """
    drawn = []
    for name, points in answer["cost_curves"].items():
        if len(points) < LEAST_POINTS:
            continue
        shown = [(count, Decimal(cost)) for count, cost in points[:CURVE_POINTS]]
        columns = _columns(shown, Decimal(answer["packages_a_day"].get(name, "0")))
        spoken = "; ".join(f"{each['count']}: {money(each['cost'])} a day" for each in columns)
        drawn.append({"package": name, "columns": columns, "spoken": spoken, "left_out": len(points) - len(shown)})
    drawn.sort(key=lambda each: -len(each["columns"]))
    return [each for place, each in enumerate(drawn) if place == 0 or len(each["columns"]) > LEAST_POINTS]


def _columns(shown: Sequence[tuple[int, Decimal]], price: Decimal) -> list[dict[str, Any]]:
    """The columns of one package, which costs so much a day, side by side (percent of width and height)."""
    most = max(cost for _, cost in shown) or Decimal(1)
    least = min(cost for _, cost in shown)
    step = 100 / len(shown)
    columns = []
    for place, (count, cost) in enumerate(shown):
        packages = min(price * count, cost)
        columns.append(
            {
                "count": count,
                "cost": f"{cost:.2f}",
                "x": round(place * step + step * 0.15, 2),
                "middle": round(place * step + step / 2, 2),
                "width": round(step * 0.7, 2),
                "packages": round(float(packages * 100 / most), 2),
                "over": round(float((cost - packages) * 100 / most), 2),
                "least": cost == least,
            }
        )
    return columns


def line(days: Sequence[str], before: Sequence[Decimal], after: Sequence[Decimal], may_change: int) -> dict[str, Any]:
    """Two lines through the days from 0 up, the days that may still change shaded; empty with fewer than two days."""
    if len(days) < LEAST_DAYS:
        return {}
    top = max([*before, *after]) or Decimal(1)
    step = 100 / (len(days) - 1)
    cheaper = sum(one > other for one, other in zip(before, after, strict=True))
    shaded = min(100.0, (may_change - 0.5) * step) if may_change else 0.0

    def points(amounts: Sequence[Decimal]) -> str:
        return " ".join(
            f"{place * step:.2f},{100 - float(amount * 100 / top):.2f}" for place, amount in enumerate(amounts)
        )

    return {
        "before": points(before),
        "after": points(after),
        "top": f"{top:.2f}",
        "first": days[0],
        "last": days[-1],
        "shaded": round(shaded, 2),
        "cheaper": cheaper,
        "spoken": f"{len(days)} days; {_spread(before)} before, {_spread(after)} after; cheaper on {cheaper} of them",
    }


def _spread(amounts: Sequence[Decimal]) -> str:
    return f"{money(f'{min(amounts):.2f}')} to {money(f'{max(amounts):.2f}')}"
