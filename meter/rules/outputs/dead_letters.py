"""The topic `dead-letters`: records that could not be counted, complete enough to be sent again.

Letters of the intake carry the record as it arrived; letters of the fold carry the event rebuilt from the journal.
"""

from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256

from meter.rules.billing_days import time_text
from meter.rules.outputs.shared_letters import Summary
from meter.rules.state.context import FoldContext
from schemas.dead_letters import VALUE_LIMIT_BYTES, DeadLetter, Header
from schemas.journal import Events, Evidence, Named, OrderEntry, OrderGroup, Slot, UsageGroup
from schemas.orders import Order
from schemas.reasons import DeadReason
from schemas.record import encode

#: Dead events of one group (in a journal record) that get a letter of their own; further ones share letters. The limit
#: is per record, not per second, because outputs must depend on the journal alone.
LETTERS_A_GROUP = 5_000
#: Bytes of headers in a dead letter; the letter says how many headers it leaves out.
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
    """The dead letter of one record; `topic` without the prefix, `at_us`: the time of the decision."""
    cut = value is not None and len(value) > VALUE_LIMIT_BYTES
    key_cut = key is not None and len(key) > VALUE_LIMIT_BYTES
    kept = _headers(headers)
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
        headers=kept,
        headers_left_out=len(headers) - len(kept) or None,
        at=time_text(at_us),
        rebuilt=True if rebuilt else None,
    )


def _headers(headers: Sequence[tuple[str, bytes | None]]) -> list[Header]:
    """The first headers, as many as the limit holds."""
    kept, size = [], 0
    for name, content in headers:
        size += len(name) + len(content or b"")
        if size > HEADERS_LIMIT_BYTES:
            break
        kept.append(Header.model_construct(name=name, value=_base64(content)))
    return kept


def dead_usage(
    context: FoldContext,
    reason: DeadReason,
    error: str,
    group: UsageGroup,
    named: Sequence[Named],
    events: Events,
    event: int,
    evidence: Evidence,
    number: int,
) -> None:
    """Publish the dead letter of one event of a group; `number`: its place in the evidence."""
    rebuilt = _rebuilt(group.slots[int(events.slot[event])], named, events, event, evidence, number)
    _publish(
        context,
        "usage",
        reason,
        error,
        group.topic,
        group.partition,
        int(events.offset[event]),
        encode(rebuilt),
        group.timestamp_ms,
    )


def _rebuilt(
    slot: Slot, named: Sequence[Named], events: Events, event: int, evidence: Evidence, number: int
) -> dict[str, object]:
    """The event in structured mode."""
    data: dict[str, object] = {"item": slot.item, "quantity": int(events.quantity[event])}
    if slot.retention:
        data["retention_days"] = slot.retention
    return {
        "specversion": "1.0",
        "id": evidence.ids[number],
        "source": evidence.source_of(number),
        "type": "usage.corrected" if slot.corrected else "usage.recorded",
        "subject": named[slot.named].workspace,
        "time": time_text(int(events.time_us[event])),
        "data": data,
    }


def dead_usages(
    context: FoldContext,
    why: Callable[[int], tuple[DeadReason, str]],
    group: UsageGroup,
    named: Sequence[Named],
    events: Events,
    dead: Sequence[int],
    evidence: Evidence,
    numbers: Sequence[int],
) -> Iterator[None]:
    """Publish the dead letters of a group's `dead` events; `numbers`: each event's place in the evidence."""
    for event in dead[:LETTERS_A_GROUP]:
        dead_usage(context, *why(event), group, named, events, event, evidence, numbers[event])
        yield
    summary: Summary | None = None
    rest = sorted(dead[LETTERS_A_GROUP:])
    for event in rest:
        (reason, error), offset = why(event), int(events.offset[event])
        if summary is None:
            summary = Summary(group.topic, group.partition, group.timestamp_ms * 1000, error)
        summary.add(offset, None, 0, reason)
        _count(context, "usage", reason, group.topic, group.partition, offset)
        if summary.full or event == rest[-1]:
            letter, summary = summary.letter(), None
            context.publish("dead-letters", letter.record_key(), letter.json_bytes())
            yield


def dead_order(
    context: FoldContext, reason: DeadReason, error: str, group: OrderGroup, entry: OrderEntry, order: Order
) -> None:
    """Publish the dead letter of an order that is not decided."""
    _publish(
        context, "order", reason, error, group.topic, group.partition, entry.offset, entry.content, entry.timestamp_ms
    )


def _publish(
    context: FoldContext,
    kind: str,
    reason: DeadReason,
    error: str,
    topic: str,
    partition: int,
    offset: int,
    value: bytes,
    timestamp_ms: int,
) -> None:
    letter = dead_letter(reason, error, topic, partition, offset, None, value, (), timestamp_ms * 1000, rebuilt=True)
    context.publish("dead-letters", letter.record_key(), letter.json_bytes())
    _count(context, kind, reason, topic, partition, offset)


def _count(context: FoldContext, kind: str, reason: DeadReason, topic: str, partition: int, offset: int) -> None:
    if not context.repeats.known(topic, partition, offset):
        context.metric(kind, "dead")
        context.metric("dead", reason.value)


def _base64(content: bytes | None) -> str | None:
    return None if content is None else b64encode(content).decode()
