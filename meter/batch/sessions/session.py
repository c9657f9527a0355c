"""One broker's fetch session: what the broker was asked for, what changed since, what its answer means.

A partition is named when it is new, when its offset moved, or when it is to be read no more. So a request costs what
moved since the last one, and not what there is. Where the broker forgot the session, or it may have missed a request,
all is named again in a new one.
"""

from collections.abc import Iterable

from meter.batch.sessions.requests import Asked, FetchAnswer, Place

#: Epoch of a request that begins a session, and the last one there is.
BEGIN, LAST_EPOCH = 0, (1 << 31) - 1
#: Kafka's errors of a session as a whole: not found, another epoch expected, ids and names mixed.
SESSION_ERRORS = (70, 71, 106)


class Session:
    """What one broker is to read for us; nothing is sent here."""

    def __init__(self) -> None:
        self._id = 0
        self._epoch = BEGIN
        #: What we want: offsets by place.
        self._wanted: dict[Place, int] = {}
        #: What the broker knows, if it got all that was sent.
        self._known: dict[Place, int] = {}
        self._changed: set[Place] = set()

    def __len__(self) -> int:
        return len(self._wanted)

    def want(self, place: Place, offset: int) -> None:
        """From now on this partition is read from here."""
        self._wanted[place] = offset
        self._changed.add(place)

    def leave(self, place: Place) -> None:
        """This partition is not read any more."""
        self._wanted.pop(place, None)
        self._changed.add(place)

    def next(self) -> Asked:
        """The next request: all that is wanted if it begins the session, else what changed."""
        wanted, known = self._wanted, self._known
        if self._epoch == BEGIN:
            known.clear()
            self._changed = set(wanted)
        changed = [
            (place, wanted[place]) for place in self._changed if place in wanted and known.get(place) != wanted[place]
        ]
        gone = [place for place in self._changed if place in known and place not in wanted]
        self._changed = set()
        known.update(changed)
        for place in gone:
            del known[place]
        return Asked(self._id, self._epoch, changed, gone)

    def asked(self, place: Place) -> int | None:
        """From which offset the broker reads the partition; None if it does not."""
        return self._known.get(place)

    def known(self) -> Iterable[Place]:
        """The partitions that the broker reads."""
        return self._known

    def answered(self, answer: FetchAnswer) -> bool:
        """Take an answer; False if it says that the session is over."""
        if answer.error_code:
            self.lost(keep=answer.error_code not in SESSION_ERRORS)
            return False
        self._id = answer.session
        following = 1 if self._epoch == LAST_EPOCH else self._epoch + 1
        self._epoch = following if answer.session else BEGIN
        return True

    def lost(self, *, keep: bool = True) -> None:
        """A request may not have arrived, or the session is gone: begin a new one; `keep`: it ends the one before."""
        self._epoch = BEGIN
        if not keep:
            self._id = 0
