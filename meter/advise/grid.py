"""The usage of some closed days as arrays, for ranking by the search: floating point and not cut to 0.01 unit.

Whatever is shown is replayed by the rules afterwards. `usage`: (item, workspace, day), converted. `price`: (item,
day), money for a quantity of one, listed. `payg`: (workspace, day), what the workspace pays on a day that no plan
lists it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meter.advise.history import History
from meter.advise.replay import Replay

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Grid:
    """Days that are no part of the history have no column; free days of a workspace are 0."""

    items: tuple[str, ...]
    workspaces: tuple[str, ...]
    usage: Floats
    price: Floats
    payg: Floats

    @property
    def days(self) -> int:
        """How many days it has."""
        return int(self.usage.shape[2])

    def quotas(self, quotas: Mapping[str, int]) -> Floats:
        """Quotas by item as a row of the grid; items that nobody used are left out."""
        return np.array([quotas.get(item, 0) for item in self.items], dtype=np.float64)

    def scaled(self, factor: float) -> "Grid":
        """The same days with all usage multiplied."""
        return Grid(self.items, self.workspaces, self.usage * factor, self.price, self.payg * factor)


def grid_of(history: History, replay: Replay) -> Grid:
    """The grid of a history: items with usage, and workspaces that were charged for it or covered on some day."""
    charged = [(day, who, each) for day in history.days for who, each in day.workspaces.items() if not each.free]
    items = sorted({name for _, _, each in charged for name in each.items})
    workspaces = sorted({who for _, who, _ in charged})
    column = {day.day: number for number, day in enumerate(history.days)}
    row_of = {who: number for number, who in enumerate(workspaces)}
    usage = np.zeros((len(items), len(workspaces), len(column)))
    price = np.zeros((len(items), len(column)))
    payg = np.zeros((len(workspaces), len(column)))
    for row, name in enumerate(items):
        for each_day, number in column.items():
            item = replay.priced(name, each_day)
            price[row, number] = float(item.price / item.unit)
    for day, who, each in charged:
        place, number = row_of[who], column[day.day]
        for row, name in enumerate(items):
            if name in each.items:
                reported = replay.reported(name, day)
                usage[row, place, number] = reported.usage[who]
                payg[place, number] += float(reported.unlisted[who])
    return Grid(tuple(items), tuple(workspaces), usage, price, payg)
