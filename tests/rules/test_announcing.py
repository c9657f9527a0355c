"""Dated versions of the catalog: which count, from which day, and what they change of what was told before."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter.rules.billing_days import day_text, parse_day, parse_time, zone
from meter.rules.catalog_versions import compared, recorded
from schemas.catalog import Catalog, Item, Version, version_json
from tests.rules.announced_world import OPENED_VERSION, World, version

DEARER = version("2026-02-01", logs="2", calls="1", hosts="3")
DAY_BEFORE = "2026-01-31T23:59:59.999Z"
FIRST_INSTANT = "2026-02-01T00:00:00Z"


def test_a_version_announced_before_its_first_day_prices_that_day_and_no_earlier_one() -> None:
    world = World()
    world.announce(DEARER, DAY_BEFORE)
    world.use("logs", 10, "2026-01-31T12:00:00Z", 14)
    world.use("logs", 10, "2026-02-01T12:00:00Z", 14)
    assert world.charges("2026-01-31") == {"logs": "15.00"}
    assert world.charges("2026-02-01") == {"logs": "20.00"}


def test_a_version_announced_when_its_first_day_has_come_does_not_count() -> None:
    world = World()
    world.announce(DEARER, FIRST_INSTANT)
    world.use("logs", 10, "2026-02-01T12:00:00Z", 14)
    world.use("logs", 10, "2026-02-02T12:00:00Z", 14)
    assert world.charges("2026-02-01") == world.charges("2026-02-02") == {"logs": "15.00"}


@pytest.mark.parametrize(("zone", "last"), [("Asia/Shanghai", "2026-01-31T15:59:59.999Z"), ("-05:30", FIRST_INSTANT)])
def test_the_first_day_begins_in_the_billing_time_zone(zone: str, last: str) -> None:
    late = World(zone=zone)
    late.announce(DEARER, "2026-02-01T05:30:00Z")
    late.use("logs", 10, "2026-02-01T12:00:00Z", 14)
    assert late.charges("2026-02-01") == {"logs": "15.00"}
    timely = World(zone=zone)
    timely.announce(DEARER, last)
    timely.use("logs", 10, "2026-02-01T12:00:00Z", 14)
    assert timely.charges("2026-02-01") == {"logs": "20.00"}


def test_of_several_announcements_of_one_first_day_the_last_holds() -> None:
    world = World()
    world.announce(DEARER, "2026-01-25T00:00:00Z")
    world.announce(version("2026-02-01", logs="4"), "2026-01-26T00:00:00Z")
    world.announce(version("2026-02-01", logs="9"), FIRST_INSTANT)  # too late
    world.use("logs", 10, "2026-02-01T12:00:00Z", 14)
    assert world.charges("2026-02-01") == {"logs": "40.00"}


def test_a_version_is_in_force_until_the_next_one() -> None:
    world = World()
    world.announce(version("2026-03-01", logs="3"), "2026-01-25T00:00:00Z")
    world.announce(DEARER, "2026-01-26T00:00:00Z")
    for day in ("2026-02-28", "2026-03-01"):
        world.use("logs", 10, f"{day}T12:00:00Z", 14)
    assert world.charges("2026-02-28") == {"logs": "20.00"}
    assert world.charges("2026-03-01") == {"logs": "30.00"}


def test_an_item_is_known_from_the_first_day_of_the_version_that_brings_it() -> None:
    world = World()
    world.announce(version("2026-02-01", logs="1.5", sms="0.1"), DAY_BEFORE)
    world.use("sms", 10, "2026-01-31T12:00:00Z")
    world.use("sms", 10, "2026-02-01T12:00:00Z")
    assert world.dead() == ["unknown_item"]
    assert world.charges("2026-02-01") == {"sms": "1.00"}


def test_usage_of_the_day_that_came_before_the_announcement_is_priced_again() -> None:
    world = World()
    world.use("logs", 10, "2026-02-01T00:02:00Z", 14)  # ahead of Kafka's clock
    world.use("calls", 10, "2026-02-01T00:02:00Z")
    world.use("logs", 10, "2026-01-31T23:58:00Z", 14)
    offset = world.announce(DEARER, "2026-01-31T23:59:00Z")
    assert world.charges("2026-02-01") == {"calls": "10.00", "logs": "20.00"}
    assert world.charges("2026-01-31") == {"logs": "15.00"}
    last = world.overages()[-1]
    assert (last["revision"], last["previous_revision"], last["delta"]) == (offset, 1, 0)
    cause = {"topic": "meter.journal", "partition": 0, "first_offset": offset, "last_offset": offset}
    assert last["cause"] == {"kind": "catalogue", "workspaces": [], **cause}
    assert len(world.overages()) == 4, "what kept its price is not told again"


def test_a_version_of_one_day_prices_that_day_again_and_not_the_next() -> None:
    world = World()
    world.announce(version("2026-02-02", logs="3"), "2026-01-30T00:00:00Z")
    world.use("logs", 10, "2026-02-01T00:02:00Z", 14)
    world.use("logs", 10, "2026-02-02T00:02:00Z", 14)
    world.announce(DEARER, DAY_BEFORE)
    assert [world.charges(day)["logs"] for day in ("2026-02-01", "2026-02-02")] == ["20.00", "30.00"]


def test_usage_and_the_announcement_that_prices_it_again_may_be_in_one_chunk() -> None:
    world = World(chunk=2)
    world.use("logs", 10, "2026-02-01T00:02:00Z", 14)
    world.announce(DEARER, DAY_BEFORE)
    assert [each["charge"]["amount"] for each in world.overages()] == ["15.00", "20.00"]


def test_a_late_copy_says_the_same_cause_as_the_entry_it_copies() -> None:
    world = World()
    world.use("logs", 10, "2026-02-01T00:02:00Z", 14)
    world.copy(DEARER, 77, "2026-01-31T23:59:00Z")
    last = world.overages()[-1]
    assert (last["cause"]["topic"], last["cause"]["partition"]) == ("meter.journal", 0)
    assert (last["cause"]["first_offset"], last["revision"]) == (77, 2)


def test_a_copy_that_comes_after_the_close_of_the_day_restates_it() -> None:
    world = World()
    world.use("logs", 10, "2026-02-01T00:02:00Z", 14)
    world.close_through("2026-02-01")
    world.copy(DEARER, 77, DAY_BEFORE)
    assert world.overages()[-1]["restated"] is True
    due = [(each["restated"], each["amount_due"]) for each in world.published["statements"] if "amount_due" in each]
    assert due == [(False, "15.00"), (True, "20.00")]


def test_usage_of_an_item_that_the_new_version_drops_keeps_its_price() -> None:
    world = World()
    world.use("calls", 10, "2026-02-01T00:02:00Z")
    world.announce(version("2026-02-01", logs="2"), "2026-01-31T23:59:00Z")
    world.use("calls", 10, "2026-02-01T00:03:00Z")
    assert world.charges("2026-02-01") == {"calls": "10.00"}
    assert world.dead() == ["unknown_item"]


def test_it_is_the_price_of_the_last_version_that_had_the_item() -> None:
    world = World()
    world.copy(version("2026-01-25", calls="5"), 10, "2026-01-24T00:00:00Z")
    world.copy(version("2026-03-01", calls="7"), 11, "2026-01-24T00:00:00Z")
    world.use("calls", 10, "2026-02-01T00:02:00Z")
    world.copy(version("2026-02-01", logs="2"), 13, DAY_BEFORE)
    assert world.charges("2026-02-01") == {"calls": "50.00"}
    world.copy(version("2026-01-25", logs="2"), 12, "2026-01-24T12:00:00Z")
    assert world.charges("2026-02-01") == {"calls": "10.00"}


def test_usage_of_an_item_that_no_version_has_any_more_costs_nothing() -> None:
    world = World()
    world.announce(version("2026-02-01", logs="2", sms="1"), "2026-01-31T23:58:00Z")
    world.use("sms", 10, "2026-02-01T00:02:00Z")
    world.announce(version("2026-02-01", logs="2"), "2026-01-31T23:59:00Z")
    assert world.charges("2026-02-01") == {"sms": "0.00"}
    assert world.overages()[-1]["overage"] == 10, "it was counted"


def test_an_item_that_adds_up_no_longer_is_counted_as_the_new_version_says_from_then_on() -> None:
    items = version("2026-02-01", logs="2", hosts="3").items
    world = World(Version(OPENED_VERSION.since, {**OPENED_VERSION.items, "hosts": _summed()}, {}, {}))
    world.use("hosts", 10, "2026-02-01T00:02:00Z")
    world.announce(Version(parse_day("2026-02-01"), items, {}, {}), "2026-01-31T23:59:00Z")
    assert world.charges("2026-02-01") == {"hosts": "0.00"}
    world.use("hosts", 7, "2026-02-01T00:03:00Z")
    assert world.charges("2026-02-01") == {"hosts": "21.00"}


def _summed() -> Item:
    item = OPENED_VERSION.items["calls"]
    return Item("hosts", "sum", 1, item.price, None, {})


def test_what_was_announced_is_remembered_when_another_worker_goes_on() -> None:
    world = World()
    world.announce(DEARER, DAY_BEFORE)
    world.reopened()
    world.use("logs", 10, "2026-02-01T12:00:00Z", 14)
    assert world.charges("2026-02-01") == {"logs": "20.00"}


def test_days_before_an_announced_first_version_keep_the_one_they_were_opened_with() -> None:
    world = World(version("2026-06-01", logs="1.5"))
    world.use("logs", 10, "2026-01-20T12:00:00Z", 14)
    world.announce(version("2026-03-01", logs="3"), "2026-01-21T00:00:00Z")
    world.announce(version("2026-06-01", logs="6"), "2026-01-21T00:00:00Z")
    world.use("logs", 10, "2026-01-22T12:00:00Z", 14)
    world.use("logs", 10, "2026-03-02T12:00:00Z", 14)
    world.use("logs", 10, "2026-06-02T12:00:00Z", 14)
    days = ("2026-01-20", "2026-01-22", "2026-03-02", "2026-06-02")
    assert [world.charges(day)["logs"] for day in days] == ["15.00", "15.00", "30.00", "60.00"]


# Copies

#: What partition 0 decided, in its order: first day, price of logs, when.
ENTRIES = [
    (version("2026-02-01", logs="2", calls="1"), 3, "2026-01-25T00:00:00Z"),
    (version("2026-02-02", logs="3"), 4, "2026-01-25T00:00:00Z"),
    (version("2026-02-01", logs="4"), 5, "2026-01-26T00:00:00Z"),
    (version("2026-02-01", logs="5"), 9, FIRST_INSTANT),
]
DAYS = ("2026-01-31", "2026-02-01", "2026-02-02")


@given(st.lists(st.sampled_from(ENTRIES), max_size=7), st.permutations(ENTRIES), st.integers(0, 7))
def test_copies_mean_the_same_however_late_often_and_in_whatever_order_they_arrive(
    repeats: list[tuple[Version, int, str]], order: list[tuple[Version, int, str]], used_after: int
) -> None:
    world = World()
    for number, copy in enumerate([*repeats[:3], *order, *repeats[3:]]):
        if number == used_after:
            _use(world)
        world.copy(*copy)
    if used_after > 3 + len(order):
        _use(world)
    _use(world)
    used = world.overages()[-1]["usage"]
    assert [world.charges(day)["logs"] for day in DAYS] == [f"{used * price:.2f}" for price in (1.5, 4, 3)]
    assert [day_text(each.since) for each in world.fold.known().recorded().versions] == ["2026-01-01", *DAYS[1:]]


def _use(world: World) -> None:
    for day in DAYS:
        world.use("logs", 10, f"{day}T00:01:00Z", 14)


def test_every_order_of_copies_leaves_the_same_versions() -> None:
    left = set()
    for order in permutations(ENTRIES):
        world = World()
        for copy in order:
            world.copy(*copy)
        left.add(tuple((each.version, each.decided_offset) for each in world.fold.known().announced))
    assert left == {((version_json(ENTRIES[2][0]), 5), (version_json(ENTRIES[1][0]), 4))}


# A file beside the journal

UTC = zone("+00:00")
NOW = parse_time("2026-01-31T12:00:00Z")


def catalog(*versions: Version, currency: str = "CNY") -> Catalog:
    return Catalog(currency, 372, versions)


def verdict(file: Catalog, known: Catalog | None = None, now: int = NOW) -> tuple[list[str], list[str], list[str]]:
    """What is refused, which first days are announced, which the file lacks."""
    found = compared(known or catalog(OPENED_VERSION), file, now, UTC)
    return (
        list(found.refused),
        [day_text(each.since) for each in found.news],
        [day_text(each.since) for each in found.missing],
    )


def test_the_same_file_is_neither_refused_nor_announced() -> None:
    assert verdict(catalog(OPENED_VERSION)) == ([], [], [])


def test_a_new_version_is_announced_until_its_first_day_comes_and_then_refused() -> None:
    file = catalog(OPENED_VERSION, DEARER)
    assert verdict(file, now=parse_time(DAY_BEFORE)) == ([], ["2026-02-01"], [])
    refused, news, _ = verdict(file, now=parse_time(FIRST_INSTANT))
    assert (refused, news) == (["version 2026-02-01 is not recorded, the file adds it"], [])


def test_a_changed_version_is_announced_again_until_its_first_day_comes_and_then_refused() -> None:
    known, file = catalog(OPENED_VERSION, DEARER), catalog(OPENED_VERSION, version("2026-02-01", logs="4"))
    assert verdict(file, known)[:2] == ([], ["2026-02-01"])
    refused, news, _ = verdict(file, known, parse_time(FIRST_INSTANT))
    assert "version 2026-02-01: items.logs.price is recorded as 2, the file says 4" in refused
    assert news == []


def test_a_version_that_the_file_lacks_is_reported_until_its_first_day_comes_and_then_refused() -> None:
    known, file = catalog(OPENED_VERSION, DEARER), catalog(OPENED_VERSION)
    assert verdict(file, known) == ([], [], ["2026-02-01"])
    assert verdict(file, known, parse_time(FIRST_INSTANT))[0] == [
        "version 2026-02-01 is in the journal but missing from METER_CATALOG"
    ]


def test_another_currency_is_refused_whatever_the_day() -> None:
    assert verdict(catalog(OPENED_VERSION, currency="EUR"))[0] == ["currency is recorded as CNY, the file says EUR"]


def test_a_changed_past_is_refused_with_every_difference() -> None:
    file = catalog(version("2026-01-01", logs="1.4", calls="1", hosts="3"), DEARER)
    assert verdict(file)[0] == [
        "version 2026-01-01: items.logs.price is recorded as 1.5, the file says 1.4",
        "version 2026-01-01: items.logs.retentions.30.price is recorded as 3, the file says 2.8",
    ]


def test_what_is_recorded_is_what_was_opened_and_announced() -> None:
    world = World()
    world.announce(DEARER, DAY_BEFORE)
    facts = world.fold.known()
    assert recorded(catalog(OPENED_VERSION), facts.announced) == catalog(OPENED_VERSION, DEARER)
