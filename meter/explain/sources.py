"""The last part of the answer: the source records of the usage, by source partition, and their fate."""

from collections.abc import Mapping

import numpy as np

from meter.explain.count import OwnRecords
from meter.explain.model import Letter, Source
from schemas.columns import Ints, ints

#: Ranges of one source partition in the answer: more are joined at the smallest gaps between them.
RANGES_LIMIT = 100
#: Dead letters named one by one.
LETTERS_LIMIT = 100


def sources_of(own: OwnRecords, letters: Mapping[tuple[str, int, int], Letter]) -> tuple[list[Source], list[Letter]]:
    """The records by source partition, in the order of topics and partitions, and the first dead letters of them."""
    known = {(*own.sources[source], offset) for source, offset in zip(own.source, own.offset.tolist(), strict=True)}
    beside = {place: letter for place, letter in letters.items() if place not in known}
    places = sorted({*own.sources, *(place[:2] for place in beside)})
    dead = [letter for place, letter in sorted(letters.items()) if place in beside or _is_dead(own, place)]
    return [_source(own, topic, partition, beside) for topic, partition in places], dead[:LETTERS_LIMIT]


def _source(own: OwnRecords, topic: str, partition: int, beside: Mapping[tuple[str, int, int], Letter]) -> Source:
    number = own.sources.index((topic, partition)) if (topic, partition) in own.sources else -1
    mine = own.source == number
    letters = [place[2] for place in beside if place[:2] == (topic, partition)]
    offsets = np.unique(np.concatenate((own.offset[mine], ints(letters))))
    dead, duplicate = int(own.dead[mine].sum()) + len(letters), int(own.duplicate[mine].sum())
    records = int(mine.sum()) + len(letters)
    return Source(
        topic=topic,
        partition=partition,
        ranges=ranges(offsets),
        records=records,
        counted=records - duplicate - dead,
        duplicate=duplicate,
        dead=dead,
    )


def ranges(offsets: Ints) -> list[list[int]]:
    """Rising offsets as at most RANGES_LIMIT ranges, first and last of each: joined where the gaps are smallest."""
    if not len(offsets):
        return []
    gaps = np.diff(offsets)
    breaks = np.flatnonzero(gaps > 1)
    if len(breaks) >= RANGES_LIMIT:
        widest = np.argsort(-gaps[breaks], kind="stable")[: RANGES_LIMIT - 1]
        breaks = np.sort(breaks[widest])
    firsts = np.concatenate((offsets[:1], offsets[breaks + 1])).tolist()
    lasts = np.concatenate((offsets[breaks], offsets[-1:])).tolist()
    return [[first, last] for first, last in zip(firsts, lasts, strict=True)]


def _is_dead(own: OwnRecords, place: tuple[str, int, int]) -> bool:
    topic, partition, offset = place
    if (topic, partition) not in own.sources:
        return False
    number = own.sources.index((topic, partition))
    return bool(np.any((own.source == number) & (own.offset == offset) & own.dead))
