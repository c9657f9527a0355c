"""Keys sort by their parts, and no two things share one."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from tables import keys

ids = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,5}", fullmatch=True)
days = st.integers(1, 3_652_059)
cells = st.tuples(ids, days, ids)


@given(cells, cells, st.integers(0, 3))
def test_cells_of_an_account_sort_by_day_then_item(
    first: tuple[str, int, str], second: tuple[str, int, str], row: int
) -> None:
    assert keys.cell_parts(keys.cell(*first, row)) == first
    if first[0] == second[0] and first[1] != second[1]:
        assert (keys.cell(*first, row) < keys.cell(*second, 0)) == (first[1] < second[1])


@given(
    cells, st.lists(st.sampled_from([0, 1, 255, 256, 65_534, 65_535, 65_536, 2**24, 2**31]), min_size=2, unique=True)
)
def test_the_rows_of_a_cell_stand_in_order_however_many_they_are(
    cell: tuple[str, int, str], numbers: list[int]
) -> None:
    rows = sorted(keys.cell(*cell, number) for number in numbers)
    assert list(map(keys.cell_number, rows)) == sorted(numbers)
    assert {keys.cell_parts(row) for row in rows} == {cell}
    assert all(rows[-1] < keys.behind_cell(row) for row in rows)
    assert keys.behind_cell(rows[0]) < keys.cell(cell[0], cell[1], cell[2] + "a", 0)


@given(cells, ids, days)
def test_a_scan_of_an_accounts_cells_meets_those_and_no_others(
    cell: tuple[str, int, str], account: str, day: int
) -> None:
    key = keys.cell(*cell, 0)
    assert key.startswith(keys.cells_of(account)) == (cell[0] == account)
    if cell[0] == account:
        assert (key >= keys.cells_from(account, day)) == (cell[1] >= day)


@given(days, st.integers(0, 2**63), st.integers(0, 65_535))
def test_packed_identities_stand_by_day(day: int, offset: int, number: int) -> None:
    key = keys.packed(day, offset, number)
    assert keys.packed_day(key) == day
    assert key > keys.packed(day - 1, 2**63, 65_535)


def test_no_two_things_share_a_key() -> None:
    names, some = ["a", "ab", "a.b", "cash", "0"], [1, 256, 739_000]
    paid = itertools.product(names, ["cash", "coupon"], [None, *names])
    made = [
        *map(keys.account, names),
        *map(keys.binding, names),
        *itertools.starmap(keys.plan, itertools.product(names, names)),
        *itertools.starmap(keys.wallet, paid),
        *itertools.starmap(keys.decided, itertools.product(names, names)),
        *itertools.starmap(keys.cell, itertools.product(names, some, names, [0, 1, 65_535])),
        *itertools.starmap(keys.stated, itertools.product(names, some, [0, 1])),
        *itertools.starmap(keys.expired_plan, itertools.product(names, names)),
        *itertools.starmap(keys.plan_package, itertools.product(names, names, some)),
        *itertools.starmap(keys.plan_list, itertools.product(names, names, some)),
        keys.identity(b"\0" * 16),
        keys.SPILLED,
        *itertools.starmap(keys.packed, itertools.product(some, [0, 1], [0])),
        keys.POSITION,
        keys.FACTS,
        keys.CHANGELOG,
    ]
    assert len(set(made)) == len(made)


@given(ids, ids, days, days)
def test_what_was_stated_of_a_day_is_found_by_account_and_day(account: str, other: str, day: int, through: int) -> None:
    assert keys.stated_to(keys.stated(account, day), account, through) == (day <= through)
    assert keys.stated_to(keys.stated(account, day), other, day) == (account == other)
