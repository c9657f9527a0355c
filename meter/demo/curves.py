"""How a day's total spreads over the day: half-hourly parts that make the total exactly. Whole numbers throughout."""

from itertools import accumulate
from random import Random

#: A report covers half an hour; the last one of the day comes at 23:30.
SLOT_MINUTES = 30
SLOTS = 47

#: Weights of the hours 0 to 23.
CURVES = {
    # People at work and at home: low at four, a peak before noon, a second one in the evening.
    "web": (9, 6, 4, 3, 3, 4, 8, 17, 32, 48, 57, 60, 52, 50, 55, 56, 52, 46, 40, 38, 42, 40, 28, 16),
    # An office: nothing before seven, nothing after half past seven in the evening.
    "office": (0, 0, 0, 0, 0, 0, 0, 8, 30, 52, 60, 58, 40, 50, 60, 58, 50, 34, 16, 6, 0, 0, 0, 0),
    # Batch work.
    "night": (30, 52, 60, 58, 50, 34, 12, 4, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 6, 12, 20),
    # A load test that is over at three in the afternoon.
    "load test": (0, 0, 0, 20, 60, 60, 60, 60, 60, 60, 60, 60, 60, 60, 40, 0, 0, 0, 0, 0, 0, 0, 0, 0),
}


def parts(total: int, curve: str, random: Random) -> list[int]:
    """A part of the total for each slot, a little uneven; the parts add up to the total."""
    weights = uneven(curve, random)
    whole = sum(weights)
    sums = [total * weight // whole for weight in accumulate(weights)]
    return [reached - before for reached, before in zip(sums, [0, *sums], strict=False)]


def levels(highest: int, curve: str, random: Random) -> list[int]:
    """Of each slot a level, at least half of the highest, which is reached once or more."""
    weights = uneven(curve, random)
    top = max(weights)
    return [(highest * (top + weight) + 2 * top - 1) // (2 * top) for weight in weights]


def uneven(curve: str, random: Random) -> list[int]:
    """The weights of the slots, each up to 15 % more or less than the curve's. (Only raw bits: the same everywhere.)"""
    hours = CURVES[curve]
    return [hours[slot * SLOT_MINUTES // 60] * (850 + random.getrandbits(16) % 301) for slot in range(SLOTS)]
