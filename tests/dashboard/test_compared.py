"""Two days compared: drivers and the rest add up to the difference, whatever could be explained."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter.dashboard.asked import Asked
from meter.dashboard.compared import CELLS, Changed, changed_cells, days_of, summed
from meter.dashboard.sight import Live, NotThere, Sight
from meter.explain.change_model import DRIVERS, Compared, Driver, Drivers
from meter.rules.billing_days import parse_time
from meter.settings import Settings
from tests.dashboard.read_models import DENSE, ReadModel
from tests.dashboard.test_store import one
from tests.strategies import prices

DAYS = ("2026-02-02", "2026-02-03")


def drivers_of(amounts: list[Decimal]) -> Drivers:
    sides = [Compared(day=day, revision=1, usage=0, covered=0, overage=0, amount="0.00") for day in DAYS]
    steps = [
        Driver(driver=name, units=0, amount=f"{amount:f}", sentence="")
        for name, amount in zip(DRIVERS, amounts, strict=True)
    ]
    return Drivers(before=sides[0], after=sides[1], units=0, amount=f"{sum(amounts):f}", steps=steps)


@given(
    st.lists(st.tuples(prices(), prices()), max_size=CELLS + 3),
    st.lists(st.none() | st.lists(prices(), min_size=5, max_size=5), max_size=CELLS),
)
def test_drivers_and_rest_are_the_difference(
    charges: list[tuple[Decimal, Decimal]], explained: list[list[Decimal] | None]
) -> None:
    cells = [Changed(f"w{number}", "logs", *pair) for number, pair in enumerate(charges)]
    found = [None if each is None else drivers_of(each) for each in explained[: len(cells)]]
    record = summed(DAYS, cells, found)
    parts = sum(Decimal(each["amount"]) for each in record["drivers"]) + Decimal(record["rest"])
    assert parts == Decimal(record["difference"]) == sum(cell.after - cell.before for cell in cells)
    assert len(record["cells"]) == len(cells)


def test_cells_that_differ_come_largest_first(tmp_path: Path) -> None:
    model = ReadModel(tmp_path / "d.sqlite")
    money = {"currency": "CNY"}
    model.take(
        [
            one(1, "same", day=DAYS[0]),
            one(2, "same", day=DAYS[1]),
            one(3, "gone", day=DAYS[0], charge={"amount": "9.00", **money}),
            one(4, "new", day=DAYS[1], charge={"amount": "3.00", **money}),
        ],
        DAYS[1],
    )
    with model.store.reading() as connection:
        now = parse_time("2026-02-03T12:00:00Z")
        sight = Sight(connection, model.calendar, DENSE, Settings(), now, Live())
        found = changed_cells(sight, "a", DAYS)
        assert [(each.workspace, each.difference) for each in found] == [("gone", Decimal(-9)), ("new", Decimal(3))]
        with pytest.raises(NotThere, match="kept from"):
            changed_cells(sight, "a", ("2025-01-01", DAYS[1]))
    model.close()


def test_what_is_no_day_is_reported_so() -> None:
    path = ("accounts", "a", "history")
    assert days_of(Asked(path, "", {"from": DAYS[0]})) is None
    assert days_of(Asked(path, "", {"from": DAYS[0], "to": DAYS[1]})) == DAYS
    with pytest.raises(NotThere, match="YYYY-MM-DD"):
        days_of(Asked(path, "", {"from": "x", "to": DAYS[1]}))
