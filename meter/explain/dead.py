"""Dead letters as counting needs them: which source records do not count, who refused them, and for which cell."""

from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec
import numpy as np

from agents.intake.cloudevents import usage_of
from meter.explain.model import Letter
from meter.rules.billing_days import BillingZone, parse_time
from schemas.columns import Ints, ints
from schemas.record import Unreadable

#: A source partition: topic (without the prefix) and partition.
SourcePartition = tuple[str, int]
OWN = "usage."
#: A value with one of these may name an item or a workspace that does not stand in it as it is.
HIDING = (b"data_base64", b"\\u")


class LetterHeader(msgspec.Struct, frozen=True):
    """A header of the record."""

    name: str
    value: str | None = None


class LetterRow(msgspec.Struct, frozen=True):
    """What is needed of a dead letter (`schemas.dead_letters.DeadLetter`), read at a tenth of the cost."""

    reason: str
    error: str
    topic: str
    partition: int
    offset: int
    last_offset: int | None = None
    records: int | None = None
    ranges: list[tuple[int, int]] | None = None
    value: str | None = None
    length: int | None = None
    sha256: str | None = None
    headers: list[LetterHeader] = []
    rebuilt: bool | None = None


read_letter = msgspec.json.Decoder(LetterRow).decode


@dataclass
class DeadPlaces:
    """Records that the fold did not count, by source partition; letters of the intake never take a count back."""

    _offsets: dict[SourcePartition, set[int]] = field(default_factory=dict)

    def take(self, letter: LetterRow) -> None:
        """Take a dead letter of the journal partition; letters of the intake are skipped."""
        if letter.rebuilt or (letter.records and letter.sha256 is None):
            offsets = self._offsets.setdefault((letter.topic, letter.partition), set())
            offsets.update(offset for first, last in ranges_of(letter) for offset in range(first, last + 1))

    def among(self, source: SourcePartition, offsets: Ints) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
        """Which of these offsets are dead."""
        dead = self._offsets.get(source)
        if not dead:
            return np.zeros(len(offsets), dtype=np.bool_)
        return np.isin(offsets, ints(list(dead)))

    def holds(self, topic: str, partition: int, offset: int) -> bool:
        """Whether one record is dead."""
        return offset in self._offsets.get((topic, partition), ())


def ranges_of(letter: LetterRow) -> Iterator[tuple[int, int]]:
    """The records that a letter names, as first and last offsets."""
    if letter.ranges is not None:
        yield from letter.ranges
    else:
        yield letter.offset, letter.offset if letter.last_offset is None else letter.last_offset


@dataclass
class OwnLetters:
    """The letters of one workspace, item and day, as far as their records can be read."""

    workspace: str
    item: str
    day: int
    zone: BillingZone
    #: By source record; a record may have several letters, the last one counts.
    letters: dict[tuple[str, int, int], Letter] = field(default_factory=dict)

    def take(self, letter: LetterRow) -> None:
        """Keep a letter if its record is about this workspace, item and day."""
        if letter.value is None or letter.records or letter.length is not None or not self._is_about(letter):
            return
        place = (letter.topic, letter.partition, letter.offset)
        self.letters[place] = Letter(reason=letter.reason, topic=place[0], partition=place[1], offset=place[2])

    def _is_about(self, letter: LetterRow) -> bool:
        if letter.topic != "usage" and letter.topic != f"{OWN}{self.workspace}":
            return False
        value = b64decode(letter.value or "")
        named = (self.item, self.workspace) if letter.topic == "usage" else (self.item,)
        literal = not letter.headers and all(mark not in value for mark in HIDING)
        if literal and any(name.encode() not in value for name in named):
            return False  # most are about something else, and decoding is expensive
        headers = [(each.name, None if each.value is None else b64decode(each.value)) for each in letter.headers]
        try:
            event = usage_of(value, headers)
        except Unreadable:
            return False
        subject = event.subject or letter.topic.removeprefix(OWN)
        wanted = (subject, event.data.item) == (self.workspace, self.item)
        return wanted and self.zone.day_of(parse_time(event.time)) == self.day
