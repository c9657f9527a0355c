"""The connections of the dashboard's port: bounded as the worker's are, with room for more, and streams beside them.

A stream of live changes stays longer: it says so (`stay`), is counted by itself and bounds each of its own writes.
"""

from typing import Any

from agents.visits import Limits, Page, Visit, Visits

#: A connection that brings no whole request, or does not take its answer, ends after so many seconds.
VISIT_SECONDS = 20.0
#: Connections at once, streams not counted; the oldest makes room for a new one.
CONNECTIONS = 256
#: Streams of live changes at once; beyond them a page is told to ask again later.
STREAMS = 200
#: A request is a line and some headers (a cookie among them).
LINE_BYTES, HEADERS, HEADER_BYTES, READ_BYTES = 8_192, 64, 8_192, 16_384


class Connections(Visits):
    """The connections of a port: `page` answers each request."""

    def __init__(self, page: Page, seconds: float = VISIT_SECONDS) -> None:
        limits = Limits(CONNECTIONS, seconds, LINE_BYTES, HEADERS, HEADER_BYTES, READ_BYTES)
        super().__init__(page, limits, "dashboard")
        self._streams: set[Visit] = set()

    def _visit(self, **aiohttps: Any) -> Visit:
        return Connection(self, **aiohttps)

    @property
    def streams(self) -> int:
        """Streams that are open now."""
        return len(self._streams)

    def left(self, visit: Visit) -> None:
        """It is gone."""
        super().left(visit)
        self._streams.discard(visit)

    def stay(self, visit: Visit) -> bool:
        """Let a connection stay for a stream; False: there are too many streams."""
        if len(self._streams) >= STREAMS:
            return False
        super().left(visit)
        self._streams.add(visit)
        return True


class Connection(Visit):
    """One connection."""

    def __init__(self, connections: Connections, **aiohttps: Any) -> None:
        super().__init__(connections, **aiohttps)
        self._connections = connections

    def stay(self) -> bool:
        """Stay beyond the time of a page, for a stream; False: there are too many."""
        if not self._connections.stay(self):
            return False
        self.end_in(None)
        return True

    def extend(self, seconds: float) -> None:
        """Let this answer take so many seconds more."""
        self.end_in(self._connections.limits.seconds + seconds)
