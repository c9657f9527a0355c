"""How far the partitions of this worker are behind Kafka: in records, and in seconds that mean now.

The age is that of the last moment up to which all that Kafka had is known to be handled. While something waits, that
is when Kafka had the last record that was handled, or when its partition was last seen with nothing left, whichever is
later. So it is 0 while nothing comes, and rises while a partition is stuck or Kafka does not answer.
"""

import time
from collections.abc import Callable, Iterable
from math import nan
from typing import Any, NamedTuple

from meter.batch.lanes import Lane

#: Kafka says the end of a partition with every fetch, some times a second; what it said so long ago says nothing now.
STALE_SECONDS = 10.0
#: Nothing was left, and that was heard so lately: nothing is left.
LATELY_SECONDS = 3.0


class Seen(NamedTuple):
    """One partition now: records that wait (None: not known), and up to when all is handled (Unix s)."""

    records: int | None
    handled_up_to: float | None
    nothing_left: bool = False


class Behind:
    """What is known of the lanes of one role; they are looked at once a second, or more often."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        #: Lane -> up to when all that Kafka had of it is known to be handled.
        self._moments: dict[Lane, float] = {}
        #: Records that wait; NaN while that is not known.
        self.records = nan
        #: Lane -> when it was seen first, of those that Kafka has not been heard of since.
        self._new: dict[Lane, float] = {}
        #: The greatest age of all lanes; NaN while one is so new that Kafka was not heard of it yet.
        self.seconds = nan

    def look(self, lanes: Iterable[Lane], *, member: bool, joined: bool) -> None:
        """Look at the lanes of now; `member`: the group was heard lately; `joined`: it gave this worker its share."""
        now = self._clock()
        seen = {lane: self._look_at(lane, now) for lane in lanes}
        self._moments = {lane: each.handled_up_to for lane, each in seen.items() if each.handled_up_to is not None}
        self._new = {lane: self._new.get(lane, now) for lane in seen if lane not in self._moments}
        waiting = [each.records for each in seen.values() if each.records is not None]
        self.records = float(sum(waiting)) if member and len(waiting) == len(seen) else nan
        ages = [_age(each, now) for each in seen.values()]
        self.seconds = max(ages, key=_nan_first, default=0.0) if seen or joined else nan

    def _look_at(self, lane: Lane, now: float) -> Seen:
        consumer: Any = lane.app.consumer
        reach, heard_ms = consumer.reach(lane.tp), consumer.heard_ms(lane.tp)
        if not lane.opened or reach is None or heard_ms is None:
            return Seen(None, self._moments.get(lane, self._new_since(lane, now)))
        position, stable, end = reach
        handled = position if consumer.idle(lane.tp) else lane.position
        held, held_since_ms = lane.held_records()
        records = max(0, end - handled) + held
        heard = heard_ms / 1000
        if handled >= stable and not held:
            known = now - heard <= STALE_SECONDS
            return Seen(records if known else None, heard, now - heard <= LATELY_SECONDS)
        known = now - heard <= STALE_SECONDS or consumer.full(lane.tp)
        moment = max(self._moments.get(lane, lane.handled_ms / 1000 or now), lane.handled_ms / 1000)
        return Seen(records if known else None, min(moment, held_since_ms / 1000) if held else moment)

    def _new_since(self, lane: Lane, now: float) -> float | None:
        """Since when Kafka should have been heard of a lane, once that is too long ago."""
        since = self._new.get(lane, now)
        return since if now - since > STALE_SECONDS else None


def _age(seen: Seen, now: float) -> float:
    if seen.handled_up_to is None:
        return nan
    return 0.0 if seen.nothing_left else max(0.0, now - seen.handled_up_to)


def _nan_first(age: float) -> tuple[bool, float]:
    """NaN is the greatest: what nobody knows of one partition nobody knows of all."""
    return age != age, age
