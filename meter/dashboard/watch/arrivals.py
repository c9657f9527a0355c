"""How long the first record of a partition that nobody has handled has waited, from the ends as they were seen.

Kafka says how many records wait, and not since when without reading them; so the times at which ends were seen are kept
until the group has passed them. A wait that began before the first look is told from that look on.
"""

from collections import deque

#: Looks kept of a partition; then every second one is forgotten, the oldest never.
LOOKS = 500


class Arrivals:
    """The ends of one partition, as they were seen, beyond what its group has handled."""

    def __init__(self) -> None:
        self._seen: deque[tuple[int, int]] = deque()

    def wait_us(self, now_us: int, end: int, committed: int) -> int | None:
        """How long the first unhandled record has waited at an instant; None if none waits."""
        seen = self._seen
        if not seen or seen[-1][1] < end:
            seen.append((now_us, end))
        while seen and seen[0][1] <= committed:
            seen.popleft()
        if len(seen) > LOOKS:
            self._seen = deque([seen[0], *list(seen)[2::2]])
        return now_us - seen[0][0] if end > committed and seen else None
