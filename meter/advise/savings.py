"""What an alternative saves, day by day against another, and how sure that is.

The range is a bootstrap of whole weeks, so that work days and week-ends keep their shares: 1,000 draws from a fixed
seed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from math import sqrt

import numpy as np

from meter.advise.history import ENOUGH_DAYS

WEEK = 7
DRAWS = 1_000
#: Fixed, so that the same days always give the same range.
SEED = 20_130_531
CENT = Decimal("0.01")
#: Usage is scaled within these bounds to find where an alternative stops being cheaper.
LEAST_SCALE, MOST_SCALE = 0.5, 2.0
SCALES = 31


@dataclass(frozen=True, slots=True)
class Saving:
    """A day, in money: the mean over the window, and P10, median and P90 of its mean over drawn weeks."""

    mean: Decimal
    p10: Decimal
    median: Decimal
    p90: Decimal


@dataclass(frozen=True, slots=True)
class Holds:
    """Between which scales of usage (1: as it was, which may lie outside) an alternative is cheaper.

    `LEAST_SCALE` and `MOST_SCALE` are the ends of what was tried.
    """

    least: float
    most: float


def cents(amount: Decimal) -> Decimal:
    """To the cent, for showing."""
    return amount.quantize(CENT, ROUND_HALF_EVEN) + 0  # no negative zero


def saving_of(saved: Sequence[Decimal]) -> Saving:
    """What was saved on each day, oldest first, as a range; at least one whole week."""
    series = np.array([float(each) for each in saved])
    weeks = series[len(series) % WEEK :].reshape(-1, WEEK).mean(axis=1)
    drawn = np.random.default_rng(SEED).integers(0, len(weeks), (DRAWS, len(weeks)))
    low, middle, high = np.quantile(weeks[drawn].mean(axis=1), (0.1, 0.5, 0.9))
    wider = widened_by(len(saved))
    return Saving(
        cents(sum(saved, Decimal(0)) / len(saved)),
        _cents(middle - (middle - low) * wider),
        _cents(middle),
        _cents(middle + (high - middle) * wider),
    )


def widened_by(days: int) -> float:
    """The factor that widens the range when days are few: redrawn from few weeks, weeks look too much alike."""
    return max(1.0, sqrt(ENOUGH_DAYS / days))


def _cents(amount: float) -> Decimal:
    return cents(Decimal(repr(float(amount))))


def holds_while(saved_at: Callable[[float], float]) -> Holds | None:
    """The scales of usage nearest to 1 between which something is saved, to a percent."""
    scales = [float(each) for each in np.linspace(LEAST_SCALE, MOST_SCALE, SCALES)]
    found = interval(saved_at, scales, 1.0, 0.005)
    return None if found is None else Holds(*found)


def interval(
    saved_at: Callable[[float], float], tried: Sequence[float], at: float, near: float
) -> tuple[float, float] | None:
    """The interval nearest to `at`, of the rising values `tried`, that saves something; edges to within `near`."""
    begins = next((each for each in sorted([at, *tried], key=lambda one: abs(one - at)) if saved_at(each) > 0), None)
    if begins is None:
        return None
    below, above = [each for each in tried if each < begins][::-1], [each for each in tried if each > begins]
    return _edge(saved_at, begins, below, near), _edge(saved_at, begins, above, near)


def _edge(saved_at: Callable[[float], float], saves: float, further: Sequence[float], near: float) -> float:
    """Where saving ends, from a value that saves towards further ones; the last value if it never ends."""
    for value in further:
        if saved_at(value) <= 0:
            good, bad = saves, value
            while abs(good - bad) > near:
                middle = (good + bad) / 2
                good, bad = (middle, bad) if saved_at(middle) > 0 else (good, middle)
            return good
        saves = value
    return saves
