"""The histogram of the publish delay: from Kafka's receipt of usage to the commit of the figures that hold it.

It counts events, and a chunk adds them group by group: thousands of events of one source partition at once. The client
library's histogram takes one observation at a time, so this one keeps the buckets itself.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

#: Upper bounds in seconds. 10 is the objective's bound (ops/prometheus/rules.yaml), the last ones tell a backlog apart.
BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)
NAME = "meter_publish_delay_seconds"
HELP = (
    "Seconds from Kafka's receipt of a usage event to the commit of the figures that hold it; an event counts by the "
    "newest event of its source partition in the same journal record"
)

#: (When Kafka had the newest event of a group, in ms; how many events the group holds).
Wait = tuple[int, int]


class PublishDelay(Collector):
    """Events by their delay."""

    def __init__(self) -> None:
        #: When Kafka had the newest event (Unix ms); 0: none yet.
        self.newest_ms = 0
        self._events = [0] * (len(BOUNDS) + 1)
        self._seconds = 0.0

    def committed(self, waits: Iterable[Wait], now: float) -> None:
        """Count the events of groups that were committed at `now` (Unix seconds)."""
        for received_ms, events in waits:
            seconds = max(0.0, now - received_ms / 1000)
            self._events[bisect_left(BOUNDS, seconds)] += events
            self._seconds += seconds * events
            self.newest_ms = max(self.newest_ms, received_ms)

    def collect(self) -> Iterator[HistogramMetricFamily]:
        total, buckets = 0, []
        for bound, events in zip([*map(str, BOUNDS), "+Inf"], self._events, strict=True):
            total += events
            buckets.append((bound, float(total)))
        yield HistogramMetricFamily(NAME, HELP, buckets=buckets, sum_value=self._seconds)
