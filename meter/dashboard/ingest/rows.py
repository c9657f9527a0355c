"""The account days that a batch touches: read once, changed in memory, written at its end."""

import sqlite3
from collections.abc import Callable
from itertools import chain

from meter.dashboard.ingest.account_day import AccountDay, Bounds


class Rows:
    """The rows of one batch, in memory; `bounds` gives a day's first instant and the next day's."""

    def __init__(self, connection: sqlite3.Connection, bounds: Callable[[str], Bounds]) -> None:
        self.connection = connection
        self._bounds = bounds
        self._days: dict[tuple[str, str], AccountDay] = {}

    def day(self, day: str, account: str) -> AccountDay:
        """An account's day, for changes."""
        found = self._days.get((day, account))
        if found is None:
            found = self._days[day, account] = AccountDay(self.connection, day, account, self._bounds(day))
        return found

    def days(self) -> list[AccountDay]:
        """Every touched day, in the order of the tables."""
        return [self._days[key] for key in sorted(self._days)]

    def write(self) -> None:
        """Write the changes."""
        days, execute = self.days(), self.connection.executemany
        every = chain.from_iterable
        execute(
            "DELETE FROM cells WHERE day = ? AND account = ? AND workspace = ? AND item = ?",
            every(day.gone_cells() for day in days),
        )
        owners = {(name, day.account) for day in days for name in day.new_workspaces}
        execute("INSERT OR IGNORE INTO workspaces VALUES (?, ?)", sorted(owners))
        execute(f"REPLACE INTO cells VALUES ({_marks(11)})", every(day.changed_cells() for day in days))
        execute(
            f"REPLACE INTO items VALUES ({_marks(15)})",
            ((*day.key, name, *item.columns()) for day in days for name, item in day.changed_items()),
        )
        execute(
            "INSERT INTO samples VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET points = points || excluded.points",
            ((*day.key, name, item.ended) for day in days for name, item in day.changed_items() if item.ended),
        )
        execute(f"REPLACE INTO account_days VALUES ({_marks(10)})", (day.columns() for day in days))


def _marks(count: int) -> str:
    return ", ".join("?" * count)
