"""What a simulated meter left behind, verified: its journal recounted, its outputs held against that."""

from collections.abc import Mapping

from meter.rules.billing_days import zone
from meter.verify.catalog import PriceBook
from meter.verify.comparison import Verified, Wanted, compare_figures, compare_orders, compare_wallets
from meter.verify.differences import OUTCOMES, OVERAGES, PLANS, WALLETS
from meter.verify.published import Published
from meter.verify.recount import Recount, RecountConfig
from schemas.catalog import catalog_from_json
from schemas.journal import Opening, decode
from tests.revisions import murmur2
from tests.simulation.kafka import Cluster
from tests.simulation.owner import JOURNAL

#: A published record: partition, key, value.
PublishedRecord = tuple[int, str, bytes]


def home(account: str, partitions: int) -> int:
    """Which partition an account's records go to."""
    return (murmur2(account.encode()) & 0x7FFFFFFF) % partitions


def recounted(cluster: Cluster, opening: Opening, bounds: Mapping[int, int] | None = None) -> list[Recount]:
    """Every journal partition counted again, up to its bound."""
    made = []
    for partition in range(opening.partitions):
        billing = zone(opening.time_zone)
        recount = Recount(RecountConfig(opening, billing), PriceBook(catalog_from_json(opening.catalog), billing))
        log = cluster.log(JOURNAL, partition).records
        for record in log if bounds is None else log[: bounds[partition]]:
            recount.take(record.offset, record.timestamp, decode(record.value or b""))
        made.append(recount)
    return made


def published_records(cluster: Cluster) -> dict[str, list[PublishedRecord]]:
    """The committed records of the topics that are verified."""
    found: dict[str, list[PublishedRecord]] = {OVERAGES: [], OUTCOMES: [], WALLETS: [], PLANS: []}
    for (topic, partition), log in sorted(cluster.logs.items()):
        if topic in found:
            found[topic] += [(partition, (each.key or b"").decode(), each.value or b"") for each in log.committed()]
    return found


def verified(
    cluster: Cluster,
    opening: Opening,
    records: Mapping[str, list[PublishedRecord]],
    bounds: Mapping[int, int] | None = None,
    wanted: Wanted | None = None,
) -> Verified:
    """What `meter verify` makes of it; `records` are the published ones, as they are or bent."""
    ends = {part: len(cluster.log(JOURNAL, part).records) for part in range(opening.partitions)}
    recounts = recounted(cluster, opening, bounds)
    result, wanted = Verified(), wanted or Wanted()
    published = {}
    for topic, those in records.items():
        if topic == PLANS:
            continue  # only of use where orders are gone
        published[topic] = Published(topic, bounds or ends, lambda account: home(account, opening.partitions))
        for record in those:
            published[topic].take(*record)
        published[topic].beyond(ends)
        result.differences += published[topic].differences
    compare_figures(result, recounts, published[OVERAGES], wanted)
    compare_orders(result, recounts, published[OUTCOMES], wanted)
    compare_wallets(result, recounts, published[WALLETS], wanted, opening.currency)
    return result
