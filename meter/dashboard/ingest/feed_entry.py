"""A row of a day's feed under construction."""

from typing import Any

from meter.dashboard.ingest.records import Overage


class Entry:
    """The changes of an item by one journal record, as far as read."""

    __slots__ = ("at_ms", "cause", "changes", "is_new", "more", "reported", "restated")

    def __init__(self, at_ms: int, found: Overage) -> None:
        self.at_ms, self.restated, self.more = at_ms, found.restated, 0
        self.cause, self.is_new = bytes(found.cause).decode(), True
        self.changes: list[list[Any]] = []
        self.reported: dict[str, int] = {}
