"""Counting one cell, event by event: what random histories meet too seldom."""

from collections.abc import Iterator
from decimal import Decimal

import numpy as np

from meter.explain.count import CellCount, Counted, repeats
from meter.explain.dead import DeadPlaces, read_letter
from meter.explain.sources import RANGES_LIMIT, ranges, sources_of
from schemas.catalog import Item
from schemas.columns import ints
from schemas.journal import Gathered, Named, Slot
from tests.usage_groups import usage_group

DAY = 739_000
HOSTS = Item("hosts", "max", 1, Decimal(3), None, {})
LOGS = Item("logs", "sum", 1, Decimal(1), 14, {})


def record(
    offset: int, quantity: int, name: str, time_us: int = 0, corrected: bool = False, item: Item = LOGS
) -> Gathered:
    """A journal record of one event of A, which stands at this offset of `usage`/0."""
    slot = Slot(0, item.name, 0, DAY, corrected)
    return Gathered([Named("A", "acct", DAY)], [usage_group(offset, 0, slot, "A", quantity, time_us, name)])


def counted(item: Item, records: Iterator[Gathered] | list[Gathered], *letters: bytes) -> Counted:
    """What the records come to, some of them dead."""
    dead = DeadPlaces()
    for letter in letters:
        dead.take(read_letter(letter))
    count = CellCount("acct", item, DAY, "A", dead)
    for each in records:
        count.take(each)
    return count.counted()


def letter(offset: int, more: bytes = b"") -> bytes:
    """A dead letter of `usage`/0."""
    return b'{"reason":"conflicting_duplicate","error":"","topic":"usage","partition":0,"offset":%d%b}' % (offset, more)


def test_of_corrections_the_latest_holds_whatever_it_says() -> None:
    late, early = record(1, 5, "b", 9, True, HOSTS), record(2, 8, "a", 7, True, HOSTS)
    report = record(3, 30, "c", 8, False, HOSTS)
    for order in ([late, early, report], [early, report, late], [report, late, early]):
        found = counted(HOSTS, order)
        assert (found.sums, found.events["A"].offset) == ({"A": {0: 5}}, 1)


def test_of_corrections_at_one_time_source_and_id_decide() -> None:
    found = counted(HOSTS, [record(1, 5, "b", 9, True, HOSTS), record(2, 8, "a", 9, True, HOSTS)])
    assert found.sums == {"A": {0: 5}}


def test_the_first_of_the_highest_reports_set_the_count() -> None:
    found = counted(
        HOSTS,
        [record(1, 4, "a", 1, False, HOSTS), record(2, 9, "b", 2, False, HOSTS), record(3, 9, "c", 0, False, HOSTS)],
    )
    assert (found.sums, found.events["A"].offset, found.events["A"].id) == ({"A": {0: 9}}, 2, "b")


def test_a_letter_of_the_fold_takes_a_record_out_and_one_of_the_intake_does_not() -> None:
    records = [record(1, 4, "a"), record(2, 5, "b")]
    assert counted(LOGS, records, letter(2, b',"rebuilt":true')).sums == {"A": {0: 4}}
    assert counted(LOGS, records, letter(2)).sums == {"A": {0: 9}}
    assert counted(LOGS, records, letter(1, b',"records":2,"ranges":[[1,2]]')).sums == {}
    assert counted(LOGS, records, letter(1, b',"records":2,"ranges":[[1,2]],"sha256":"00"')).sums == {"A": {0: 9}}


def test_sums_have_any_size() -> None:
    found = counted(LOGS, (record(number, 10**15, str(number)) for number in range(10_000)))
    assert found.sums == {"A": {0: 10**19}}


def test_what_the_intake_wrote_again_is_no_record_more() -> None:
    found = counted(LOGS, [record(1, 4, "a"), record(1, 4, "a"), record(2, 4, "a"), record(2, 4, "a")])
    assert found.own is not None
    (source,), _ = sources_of(found.own, {})
    assert (source.records, source.counted, source.duplicate, source.ranges) == (2, 1, 1, [[1, 2]])
    assert found.sums == {"A": {0: 4}}


def test_repeats_are_reported_by_all_words() -> None:
    rows = np.array([[1, 7], [2, 7], [1, 7], [1, 8], [2, 7], [1, 7]], dtype=np.uint64)
    assert repeats(rows).tolist() == [False, False, True, False, True, True]
    assert repeats(rows[:1]).tolist() == [False]
    assert repeats(rows[:0]).tolist() == []


def test_ranges_are_exact_until_there_are_too_many_and_then_joined_at_the_smallest_gaps() -> None:
    assert ranges(ints([])) == []
    assert ranges(ints([4, 5, 6, 9])) == [[4, 6], [9, 9]]
    far = [number * 1000 for number in range(RANGES_LIMIT)]
    assert ranges(ints(far)) == [[each, each] for each in far]
    near = sorted([*far, 2, 4])
    assert ranges(ints(near)) == [[0, 4], *([each, each] for each in far[1:])]
