"""Quantiles by nearest rank: every one of them is a value that was measured."""

import math
from collections.abc import Sequence


def quantile(values: Sequence[float], share: float) -> float:
    """The least value that is not below `share` (0–1) of all of them; NaN of nothing."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def spread(values: Sequence[float], form: str = ",.1f") -> str:
    """Median and range, as the tables have them: `12.0 (11.5–12.9)`."""
    if not values:
        return "–"
    return f"{quantile(values, 0.5):{form}} ({min(values):{form}}–{max(values):{form}})"
