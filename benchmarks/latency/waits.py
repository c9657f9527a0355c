"""What a probe of the meter waits for, by Kafka's own times: until it is in the journal, in a transaction, and read."""

import json
from collections.abc import Iterator
from itertools import count, pairwise
from typing import Any

from benchmarks.committed import read
from benchmarks.latency.probes import PROBED, Probes
from benchmarks.quantiles import quantile
from schemas import journal


def waits(broker: str, prefix: str, probes: Probes) -> list[tuple[float, float]]:
    """Median and p99 of each stage in ms: acknowledged, in the journal, packed for a transaction, read by another."""
    journaled = dict(_journaled(read(broker, f"{prefix}meter.journal")))
    packed = dict(_packed(read(broker, f"{prefix}overages")))
    stages: tuple[list[float], ...] = ([], [], [])
    for number in probes.counted():
        if number in journaled and number in packed:
            moments = (probes.acknowledged_ms(number), journaled[number], packed[number], probes.read_ms(number))
            for stage, (begin, end) in zip(stages, pairwise(moments), strict=True):
                stage.append(end - begin)
    return [(quantile(stage, 0.5), quantile(stage, 0.99)) for stage in stages]


def _journaled(records: Iterator[Any]) -> Iterator[tuple[int, float]]:
    """When each probe's journal record was appended, by its number."""
    for record in records:
        decoded = journal.decode(record.value())
        for group in decoded.groups if isinstance(decoded, journal.Gathered) else ():
            if isinstance(group, journal.UsageGroup):
                evidence = journal.decode_evidence(group.evidence)
                for event, name in enumerate(evidence.ids):
                    if evidence.source_of(event) == "probe":
                        yield int(name), record.timestamp()[1]


def _packed(records: Iterator[Any]) -> Iterator[tuple[int, float]]:
    """When the first overage that holds each probe was packed, by the probe's number."""
    seen: dict[bytes, Iterator[int]] = {}
    counted: dict[bytes, int] = {}
    for record in records:
        key = record.key() or b""
        if key.startswith(b"probe_"):
            which = int(key.split(b"/")[0].removeprefix(b"probe_"))
            numbers = seen.setdefault(key, count(which, PROBED))
            usage = int(json.loads(record.value())["usage"])
            for _ in range(counted.get(key, 0), usage):
                yield next(numbers), record.timestamp()[1]
            counted[key] = usage
