"""The mark in an intake group's commit: the last record read, so that another log of the same name is noticed.

By offsets alone a topic that was deleted and made again looks the same. The mark holds the last record's offset, time
and CRC; at assignment that record is read again and compared. A commit that begins with `aside` is of a partition that
is set aside: the day's closing does not wait for it.
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
    """The metadata of a commit; `foreign`: at an offset that another hand had set, which is therefore aside."""
    if foreign:
        return f"{ASIDE} {FOREIGN}"
    said = [ASIDE] if aside else []
    return (" ".join(said + ([] if mark is None else [mark.text()])) or BEGUN) + (
        f" {LOG}{topic_id}" if topic_id else ""
    )
