"""Where the journal has lost its beginning: days that it still holds whole are verified, by plans as published."""

from meter.rules.billing_days import zone
from meter.verify.catalog import PriceBook
from meter.verify.comparison import Verified, Wanted, compare_figures
from meter.verify.differences import OVERAGES, PLANS
from meter.verify.published import Published
from meter.verify.recount import Recount, RecountConfig
from meter.verify.retained import first_whole_day, plans_of
from schemas.catalog import catalog_from_json
from schemas.journal import decode
from tests.oracle_time import instant, ordinal
from tests.simulation.owner import JOURNAL, simulated
from tests.simulation.simulator import Simulator
from tests.simulation.world import world
from tests.verify.held import home, published_records

SEEDS = range(400)


def test_a_day_is_whole_if_none_of_its_usage_can_have_come_before() -> None:
    noon, ahead = instant("2026-01-31T12:00:00Z"), instant("2026-01-31T23:55:00Z")
    assert noon is not None and ahead is not None
    assert first_whole_day(zone("+00:00"), noon // 1000) == ordinal("2026-02-01")
    assert first_whole_day(zone("+00:00"), ahead // 1000) == ordinal("2026-02-01")
    assert first_whole_day(zone("+00:00"), ahead // 1000 + 1) == ordinal("2026-02-02")


def test_wherever_the_journal_begins_its_whole_days_agree() -> None:
    wrong, figures = {}, 0
    with simulated():
        for seed in SEEDS:
            simulator = Simulator(seed, world(seed))
            simulator.run()
            for begin in range(1, len(simulator.cluster.log(JOURNAL, 0).records), 3):
                result = verified_from(simulator, begin)
                figures += result.figures
                if result.differences:
                    wrong[seed, begin] = [each.sentence() for each in result.differences]
    assert not wrong, wrong
    assert figures > len(SEEDS) // 4


def verified_from(simulator: Simulator, begin: int) -> Verified:
    """What is made of journal partition 0 from this offset on, which is all that is left."""
    opening, journal = simulator.world.opening, simulator.cluster.log(JOURNAL, 0).records
    records, billing = published_records(simulator.cluster), zone(opening.time_zone)
    published = {
        topic: Published(topic, {0: len(journal)}, lambda account: home(account, opening.partitions))
        for topic in (PLANS, OVERAGES)
    }
    for topic, each in published.items():
        for record in records[topic]:
            if record[0] == 0:
                each.take(*record)
    config = RecountConfig(opening, billing, plans_of(published[PLANS]))
    recount = Recount(config, PriceBook(catalog_from_json(opening.catalog), billing))
    for left in journal[begin:]:
        recount.take(left.offset, left.timestamp, decode(left.value or b""))
    result = Verified(published[OVERAGES].differences + published[PLANS].differences)
    wanted = Wanted(first_whole_day(billing, journal[begin].timestamp))
    compare_figures(result, [recount], published[OVERAGES], wanted)
    return result
