"""The mark in an intake group's commit: the last record read, by which another log of the same name is recognized.

Offsets alone do not show that a topic was deleted and made again. The mark holds offset, time and CRC of the last
record read; at assignment that record is read again and compared. Commit metadata that begins with `aside` means that
the partition is set aside: closing a day does not wait for it.
"""

import zlib
from typing import Any, NamedTuple

from meter.kafka.commit_metadata import ASIDE, BEGUN, FOREIGN, LOG, spoken


class Mark(NamedTuple):
    """The last record read of a source partition."""

    offset: int
    timestamp_ms: int
    crc: int

    @classmethod
    def of(cls, record: Any) -> "Mark":
        return cls(record.offset, record.timestamp, zlib.crc32(record.value or b""))

    def text(self) -> str:
        return f"{self.offset} {self.timestamp_ms} {self.crc}"

    @classmethod
    def read(cls, text: str) -> "Mark | None":
        """The mark in a commit's metadata; None where there is none."""
        try:
            offset, timestamp_ms, crc = map(int, spoken(text).partition(LOG)[0].removeprefix(ASIDE).split())
        except ValueError:
            return None
        return cls(offset, timestamp_ms, crc)


def metadata(mark: Mark | None, *, aside: bool = False, foreign: bool = False, topic_id: str = "") -> str:
    """The metadata of a commit; `foreign`: another program set the group's offset, so the partition is set aside."""
    if foreign:
        return f"{ASIDE} {FOREIGN}"
    words = [ASIDE] if aside else []
    words += [] if mark is None else [mark.text()]
    return (" ".join(words) or BEGUN) + (f" {LOG}{topic_id}" if topic_id else "")
