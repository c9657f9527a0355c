"""What a day comes to, as the day page shows it: each item's usage through the day with a dashed line to its estimated
end, the day's estimated charges, and budgets.
"""

from collections.abc import Mapping
from typing import Any

from meter.dashboard.pages.figures import DaySpan

Model = Mapping[str, Any]
#: Fewest quarter-hour samples for a line.
LEAST_SAMPLES = 2
#: Position of a budget's limit on its bar, in percent of the width; an amount above it fills the rest.
LIMIT_AT = 80.0


def curve(item: Model, samples: list[Model], span: DaySpan, forecast: Model | None) -> dict[str, Any] | None:
    """Usage through the day as a stepped line, where the quota lies on it, and where the day is estimated to end.

    None while there are too few samples.
    """
    if len(samples) < LEAST_SAMPLES:
        return None
    end = None if forecast is None else forecast["end"]
    top = max(item["quota"], *(each["usage"] for each in samples), 0 if end is None else end["high"]) or 1

    def height(usage: int) -> float:
        return round(100 - usage * 100 / top, 2)

    points, before = [], 100.0
    for each in samples:
        x = span.place(each["time"])
        points.append(f"{x},{before}")
        before = height(each["usage"])
        points.append(f"{x},{before}")
    found = {"points": " ".join(points), "quota": height(item["quota"]), "top": top, "now": samples[-1]["usage"]}
    if end is None or forecast is None:
        return {**found, "estimate": None}
    here = f"{x},{before}"
    line = f"{here} 100,{height(end['middle'])}"
    band = f"{here} 100,{height(end['low'])} 100,{height(end['high'])}"
    return {**found, "estimate": {**end, "line": line, "band": band, "by": forecast["compared_with"]}}


def charges(model: Model) -> Model | None:
    """The estimated total charge of the day; None without an estimate."""
    return None if model["forecast"] is None else model["forecast"]["charges"]["end"]


def budgets(model: Model) -> list[dict[str, Any]]:
    """The budgets with their bars and scopes."""
    return [
        {
            **each,
            "is_money": each["budget"].get("units") is None,
            "of": [each["budget"][name] for name in ("workspace", "item") if each["budget"].get(name)],
            "width": round(min(each["percent"] * LIMIT_AT / 100, 100.0), 2),
            "marks": [
                round(mark * LIMIT_AT / 100, 2) for mark in _thresholds(each["budget"]) if mark * LIMIT_AT < 10_000
            ],
        }
        for each in model["budgets"]
    ]


def _thresholds(budget: Model) -> list[int]:
    return sorted({*budget.get("actual", ()), *budget.get("forecast", ())})
