"""Errors for records that Kafka refuses for their size: topic, key, bytes and the setting to change.

Rows and outputs are bounded (tests hold the longest of each below its topic's limit), so somebody lowered the limit.
Trying again cannot help: the worker stops with the sentence instead of reopening the partition.
"""

from collections.abc import Iterable

from aiokafka.errors import MessageSizeTooLargeError, RecordListTooLargeError

from meter.errors import UserError

#: Kafka's errors for a batch above `max.message.bytes`, and for one above `segment.bytes`.
SIZE_ERRORS = (MessageSizeTooLargeError, RecordListTooLargeError)
_MIB = 1 << 20
#: The least value that is advised: the one with which the meter creates its topics.
ADVISED_BYTES = 8 * _MIB
#: How many bytes of a key are shown.
KEY_SHOWN = 80

Rows = Iterable[tuple[bytes | None, bytes | None]]


class RefusedForSize(UserError):
    """A record, or a batch of them, is longer than its topic takes."""


def refused_for_size(topic: str, partition: int, rows: Rows, error: BaseException) -> RefusedForSize:
    """The error for a refused batch of these rows (key, value)."""
    sizes = [(len(key or b"") + len(value or b""), key) for key, value in rows]
    longest, key = max(sizes, key=lambda each: each[0], default=(0, None))
    total = sum(size for size, _ in sizes)
    of = "1 record" if len(sizes) == 1 else f"{len(sizes)} records of {total} bytes together"
    what = f"a batch of {of}, the longest {longest} bytes under key {None if key is None else key[:KEY_SHOWN]!r}"
    return _refused(topic, f"{topic}/{partition}", what, total, error)


def letters_refused(topic: str, source: str, error: BaseException) -> RefusedForSize:
    """The error for a refused batch of dead letters from `source`; aiokafka does not say which letters were in it."""
    return _refused(topic, topic, f"a batch of dead letters of {source}, at most {_MIB} bytes", _MIB, error)


def _refused(topic: str, where: str, what: str, size: int, error: BaseException) -> RefusedForSize:
    setting = "segment.bytes" if isinstance(error, RecordListTooLargeError) else "max.message.bytes"
    least = max(ADVISED_BYTES, (size // _MIB + 1) * _MIB)
    return RefusedForSize(
        f"Kafka refused {what}: the {setting} of {where} (or the broker's message.max.bytes) must be higher. "
        f"Run `kafka-configs.sh --entity-type topics --entity-name {topic} --alter --add-config {setting}={least}`, "
        "then start the worker again"
    )
