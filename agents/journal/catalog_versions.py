"""Announces catalog versions that METER_CATALOG adds to the journal, or refuses a file that would change the past.

Partition 0 decides by the broker's clock: a version is appended there and read back, and only if it counts are copies
written to the other partitions. Copies may repeat, so every worker that has read a version may write them.
"""

import asyncio
import logging
from collections.abc import Sequence

import aiokafka
from aiokafka import AIOKafkaProducer

from agents.journal.facts_reader import OpeningRefused, Recorded, read_on
from meter.failpoints import reach
from meter.kafka.topics import Topics
from meter.rules.billing_days import day_text, time_text
from meter.rules.catalog_versions import Comparison, compared
from schemas.catalog import Catalog, Version, version_json
from schemas.journal import CatalogVersion, encode

log = logging.getLogger(__name__)

PAST = "the past is a fact: set it back, or begin under another prefix"
CATALOG_PAST = (
    "the past is a fact: what has begun is recorded and stays; to change a price, add a version whose first day is "
    "still to come"
)


def compare(known: Recorded, file: Catalog) -> Comparison:
    """Compare the file with the journal at the broker's time; OpeningRefused if it would change the past."""
    found = compared(known.facts.recorded(), file, known.newest_ms * 1000, known.facts.zone)
    if found.refused:
        raise OpeningRefused("\n".join([*found.refused, CATALOG_PAST]))
    return found


async def announce(
    reader: aiokafka.AIOKafkaConsumer, producer: AIOKafkaProducer, topics: Topics, known: Recorded, file: Catalog
) -> Recorded:
    """Announce the file's versions of days to come, earliest first; returns what the journal then holds."""
    comparison = compare(known, file)
    for version in comparison.news:
        known = await _announce(reader, producer, topics, known, file, version)
    for missing in compare(known, file).missing:
        log.warning(
            "version %s of the catalog is in the journal but missing from METER_CATALOG; the journal's version applies",
            day_text(missing.since),
        )
    return known


async def _announce(
    reader: aiokafka.AIOKafkaConsumer,
    producer: AIOKafkaProducer,
    topics: Topics,
    known: Recorded,
    file: Catalog,
    version: Version,
) -> Recorded:
    before = known.facts.announced
    await producer.send_and_wait(topics.journal, encode(CatalogVersion(version_json(version))), partition=0)
    reach("announcing.decided")
    known = await read_on(reader, topics, known)
    announced = known.facts.announced
    await copy(producer, topics, known, [entry for entry in announced if entry not in before])
    since, begins = day_text(version.since), time_text(known.facts.zone.begin_of(version.since))
    if version not in compare(known, file).news:  # one that came too late is refused by `compare`
        log.info("announced version %s of the catalog; its first day begins at %s", since, begins)
    else:
        log.warning("catalog version %s: another worker announced it with other content; that one applies", since)
    return known


async def copy(producer: AIOKafkaProducer, topics: Topics, known: Recorded, entries: Sequence[CatalogVersion]) -> None:
    """Write copies of these entries to every partition but 0, which decided them."""
    partitions = range(1, known.facts.opening.partitions)
    values = [encode(entry) for entry in entries]
    await asyncio.gather(
        *(producer.send_and_wait(topics.journal, value, partition=number) for number in partitions for value in values)
    )
    reach("announcing.copied")
