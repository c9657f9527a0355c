"""Dead letters: records that could not be counted, whole enough to be sent again.

Those the intake makes carry the record as it stood; those decided by the fold carry the event rebuilt.
"""

from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

from meter.rules.billing_days import time_text
from meter.rules.outputs.summaries import Summary
from schemas.dead_letters import VALUE_LIMIT_BYTES, DeadLetter, Header
from schemas.reasons import DeadReason
from schemas.record import encode

if TYPE_CHECKING:
    from meter.rules.fold.fold import Fold
    from schemas.journal import Events, Evidence, Named, OrderEntry, OrderGroup, UsageGroup
    from schemas.orders import Order

#: Letters for events of one group in a journal record; those beyond are summed up. It is a bound of a record, not of a
#: time, since what is published is a function of the journal alone.
LETTERS_A_GROUP = 5_000
#: Bytes of headers in a dead letter; what is beyond it is left out, told by its number.
HEADERS_LIMIT_BYTES = 16 * 1024


def dead_letter(
    reason: DeadReason,
    error: str,
    topic: str,
    partition: int,
    offset: int,
    key: bytes | None,
    value: bytes | None,
    headers: Sequence[tuple[str, bytes | None]],
    at_us: int,
    rebuilt: bool = False,
) -> DeadLetter:
    """The dead letter of one record; `topic` without the prefix, `at_us` when it was decided."""
    cut = value is not None and len(value) > VALUE_LIMIT_BYTES
    key_cut = key is not None and len(key) > VALUE_LIMIT_BYTES
    told, size = [], 0
    for name, content in headers:
        size += len(name) + len(content or b"")
        if size > HEADERS_LIMIT_BYTES:
            break
        told.append(Header.model_construct(name=name, value=_base64(content)))
    return DeadLetter.model_construct(
        reason=reason,
        error=error,
        topic=topic,
        partition=partition,
        offset=offset,
        key=_base64(key[:VALUE_LIMIT_BYTES] if key is not None else None),
        key_length=len(key) if key is not None and key_cut else None,
        value=_base64(value[:VALUE_LIMIT_BYTES] if value is not None else None),
        length=len(value) if value is not None and cut else None,
        sha256=sha256(value).hexdigest() if value is not None and cut else None,
        headers=told,
        headers_left_out=len(headers) - len(told) or None,
        at=time_text(at_us),
        rebuilt=True if rebuilt else None,
    )


def dead_usage(
    fold: "Fold",
    reason: DeadReason,
    error: str,
    group: "UsageGroup",
    named: "Sequence[Named]",
    events: "Events",
    event: int,
    evidence: "Evidence",
    number: int,
) -> None:
    """Tell that an event of a group is not counted; `number`: its place in the evidence."""
    slot = group.slots[int(events.slot[event])]
    data: dict[str, object] = {"item": slot.item, "quantity": int(events.quantity[event])}
    if slot.retention:
        data["retention_days"] = slot.retention
    rebuilt = {
        "specversion": "1.0",
        "id": evidence.ids[number],
        "source": evidence.source_of(number),
        "type": "usage.corrected" if slot.corrected else "usage.recorded",
        "subject": named[slot.named].workspace,
        "time": time_text(int(events.time_us[event])),
        "data": data,
    }
    _say(
        fold,
        "usage",
        reason,
        error,
        group.topic,
        group.partition,
        int(events.offset[event]),
        encode(rebuilt),
        group.timestamp_ms,
    )


def dead_usages(
    fold: "Fold",
    why: "Callable[[int], tuple[DeadReason, str]]",
    group: "UsageGroup",
    named: "Sequence[Named]",
    events: "Events",
    dead: Sequence[int],
    evidence: "Evidence",
    numbers: Sequence[int],
) -> Iterator[None]:
    """Publish why the `dead` events of a group are not counted; `numbers`: each event's place in the evidence."""
    for event in dead[:LETTERS_A_GROUP]:
        dead_usage(fold, *why(event), group, named, events, event, evidence, numbers[event])
        yield
    summary: Summary | None = None
    rest = sorted(dead[LETTERS_A_GROUP:])
    for event in rest:
        (reason, error), offset = why(event), int(events.offset[event])
        if summary is None:
            summary = Summary(group.topic, group.partition, group.timestamp_ms * 1000, error)
        summary.add(offset, None, 0, reason)
        _count(fold, "usage", reason, group.topic, group.partition, offset)
        if summary.full or event == rest[-1]:
            letter, summary = summary.letter(), None
            fold.say("dead-letters", letter.record_key(), letter.json_bytes())
            yield


def dead_order(
    fold: "Fold", reason: DeadReason, error: str, group: "OrderGroup", entry: "OrderEntry", order: "Order"
) -> None:
    """Tell that an order is not decided."""
    _say(fold, "order", reason, error, group.topic, group.partition, entry.offset, entry.content, entry.timestamp_ms)


def _say(
    fold: "Fold",
    kind: str,
    reason: DeadReason,
    error: str,
    topic: str,
    partition: int,
    offset: int,
    value: bytes,
    timestamp_ms: int,
) -> None:
    told = dead_letter(reason, error, topic, partition, offset, None, value, (), timestamp_ms * 1000, rebuilt=True)
    fold.say("dead-letters", told.record_key(), told.json_bytes())
    _count(fold, kind, reason, topic, partition, offset)


def _count(fold: "Fold", kind: str, reason: DeadReason, topic: str, partition: int, offset: int) -> None:
    if not fold.repeats.known(topic, partition, offset):
        fold.count(kind, "dead")
        fold.count("dead", reason.value)


def _base64(content: bytes | None) -> str | None:
    return None if content is None else b64encode(content).decode()
