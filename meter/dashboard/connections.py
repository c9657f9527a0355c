"""The connections of the dashboard's port: bounded like the worker's, with a higher limit, plus streams.

A stream of live changes stays longer: it calls `stay`, has a limit of its own and times out each of its writes.
"""

from typing import Any

from agents.visits import Limits, Page, Visit, Visits

#: Seconds after which a connection ends that has not sent a whole request or not received its answer.
VISIT_SECONDS = 20.0
#: Connections at once, without streams; a new one closes the oldest.
CONNECTIONS = 256
#: Streams of live changes at once; beyond that a page has to retry later.
STREAMS = 200
#: Most bytes of a request line and headers (cookie included).
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
        """Forget a closed connection."""
        super().left(visit)
        self._streams.discard(visit)

    def stay(self, visit: Visit) -> bool:
        """Keep a connection open for a stream; False if there are too many streams."""
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
        """Stay open for a stream, beyond the time limit of a page; False if there are too many."""
        if not self._connections.stay(self):
            return False
        self.end_in(None)
        return True

    def extend(self, seconds: float) -> None:
        """Give this answer `seconds` more."""
        self.end_in(self._connections.limits.seconds + seconds)
