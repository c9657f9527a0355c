"""Measures how long a partition's first unhandled record has waited, from the observed end offsets.

Kafka gives the number of waiting records, but not since when unless they are read. So each observed end is kept with
its time until the group has passed it. A wait that began before the first look counts from that look.
"""

from collections import deque

#: Most looks kept per partition; beyond that every second one is dropped, but never the oldest.
LOOKS = 500


class Arrivals:
    """The observed ends of one partition that its group has not passed yet."""

    def __init__(self) -> None:
        self._seen: deque[tuple[int, int]] = deque()

    def wait_us(self, now_us: int, end: int, committed: int) -> int | None:
        """How long the first unhandled record has waited at `now_us`, in µs; None if none waits."""
        seen = self._seen
        if not seen or seen[-1][1] < end:
            seen.append((now_us, end))
        while seen and seen[0][1] <= committed:
            seen.popleft()
        if len(seen) > LOOKS:
            self._seen = deque([seen[0], *list(seen)[2::2]])
        return now_us - seen[0][0] if end > committed and seen else None
