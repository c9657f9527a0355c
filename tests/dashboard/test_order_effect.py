"""What a form says that an order would change of today is what the meter then publishes, to the unit and the cent."""

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
from hypothesis import event, given, settings

from meter.dashboard.ingest.published import Published
from meter.dashboard.order_models import EffectWorkspace, OrderForm
from meter.dashboard.orders.fields import WORDS, fields_of
from meter.dashboard.orders.forms import Made, form_of
from meter.dashboard.orders.quoting import used_today
from meter.dashboard.sight import Sight
from meter.dashboard.views.cells import CellRow, cells_of
from meter.rules.billing_days import parse_time
from meter.settings import Settings
from schemas.orders import canonical
from tests.dashboard.order_worlds import KnownHere
from tests.dashboard.read_models import ReadModel
from tests.form_strategies import OrderDay, order_days
from tests.rules.days_world import CATALOG, Days, ms
from tests.strategies import WORKSPACES

DAY, NOW, LATER = "2026-01-31", "2026-01-31T12:00:00Z", "2026-01-31T12:00:01Z"
ACCOUNT = "acme"
RICH = {"order_id": "t", "account": ACCOUNT, "kind": "top_up", "method": "cash", "amount": "100000000.00"}
Cells = dict[tuple[str, str], CellRow]


class World:
    """A meter, and a dashboard that reads what it publishes."""

    def __init__(self, directory: Path) -> None:
        self.days = Days(catalog=CATALOG)
        self.model = ReadModel(directory / "dashboard.sqlite", catalog=CATALOG)
        self._read, self._offsets = 0, count()
        for name in WORKSPACES:
            self.days.bind(name, ACCOUNT)

    def told(self, day: OrderDay) -> "World":
        """The plans, then the usage."""
        self.days.order(RICH, "2026-01-31T08:00:00Z")
        for plan_id, listed, units in day.plans:
            self.days.order(purchase(plan_id, listed, units), "2026-01-31T09:00:00Z")
        for (workspace, item), (quantity, retention) in day.usage.items():
            if quantity:
                self.days.use(workspace, item, quantity, "2026-01-31T10:00:00Z", retention=retention)
        self.read()
        return self

    def read(self) -> None:
        """What was published since."""
        at = ms(LATER)
        batch = [
            Published(topic, 0, next(self._offsets), at, key.encode(), json.dumps(value).encode())
            for topic, key, value in self.days.published[self._read :]
        ]
        self._read = len(self.days.published)
        self.model.take(batch, DAY)

    def look(self, see: Any) -> Any:
        """What is seen of one moment."""
        with self.model.store.reading() as connection:
            model = self.model
            return see(Sight(connection, model.calendar, model.catalog, Settings(), parse_time(NOW), model.live))

    def form(self, word: str, fields: dict[str, str]) -> Made:
        """A form, filled in."""
        given_fields = {name: (text,) for name, text in {"order_id": "new", **fields}.items()}
        found = fields_of(WORDS[word], ACCOUNT, given_fields)
        judged = KnownHere(WORKSPACES, (), CATALOG).judged()
        made: Made = self.look(lambda sight: form_of(sight, found, judged, False))
        return made

    def cells(self) -> Cells:
        """Today's figures by workspace and item."""
        rows = self.look(lambda sight: cells_of(sight, ACCOUNT, DAY))
        return {(each.workspace, each.item): each for each in rows}


class Figures(NamedTuple):
    """What an order may change of a cell."""

    covered: int
    overage: int
    basis: str


def purchase(plan_id: str, listed: tuple[str, ...], units: int) -> dict[str, Any]:
    lines = [{"item": "logs", "units": units}] if units else []
    price = 42_000 + units * 558
    order = {"order_id": plan_id, "account": ACCOUNT, "kind": "purchase", "plan": "startup", "traffic": lines}
    return {**order, "workspaces": list(listed), "payments": [{"method": "cash", "amount": f"{price}.00"}]}


def said_of(form: OrderForm) -> dict[tuple[str, str], EffectWorkspace]:
    """The effect by workspace and item."""
    assert form.effect is not None
    return {(each.workspace, item.item): each for item in form.effect.items for each in item.workspaces}


def check(world: World, day: OrderDay) -> None:
    """Quote, then order; the figures before and after are those of the quote."""
    before, made = world.cells(), world.form(day.word, day.fields)
    if made.order is None or made.form.quote is None or made.form.quote.seen is None:
        event("refused")
        return
    said = said_of(made.form)
    event(f"{day.word} changes {bool(said)}")
    world.days.order(json.loads(canonical(made.order, "CNY")), LATER)
    world.read()
    assert world.days.last(f"{ACCOUNT}/new", "order-outcomes")["outcome"] == "accepted"
    after = world.cells()
    for cell in before.keys() | after.keys():
        was, now = before[cell], after[cell]
        if cell not in said:
            assert was[3:] == now[3:], f"{cell} changed: {was} to {now}"
            continue
        told = said[cell]
        assert (told.covered_before, told.overage_before, told.basis_before) == Figures(
            was.covered, was.overage, was.basis
        )
        assert (told.covered, told.overage, told.basis) == Figures(now.covered, now.overage, now.basis)
        assert told.charge_before == was.charge
        assert told.charge == now.charge or (told.charge is None and now.basis == "pay_as_you_go")


@given(order_days())
@settings(max_examples=60, deadline=None)
def test_what_an_order_would_change_is_what_it_changes(day: OrderDay) -> None:
    with TemporaryDirectory() as directory:
        world = World(Path(directory)).told(day)
        try:
            check(world, day)
        finally:
            world.model.close()


def worked(directory: Path) -> World:
    """SPEC's W2: 150 M for a, then b; each used 100 M."""
    usage: dict[tuple[str, str], tuple[int, int | None]] = {
        ("a", "logs"): (100_000_000, None),
        ("b", "logs"): (100_000_000, None),
    }
    return World(directory).told(OrderDay([("p0", ("a", "b"), 110)], usage, "", {}))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """The worked example."""
    found = worked(tmp_path)
    yield found
    found.model.close()


def test_fifty_packages_of_logs_cover_who_was_over(world: World) -> None:
    made = world.form("add-traffic", {"plan_id": "p0", "units.logs": "50"})
    assert made.form.effect is not None
    assert (made.form.effect.charge_before, made.form.effect.charge) == ("75.00", "0.00")
    assert made.form.effect.difference == "-75.00"
    item = made.form.effect.items[0]
    assert (item.item, item.quota_before, item.quota) == ("logs", 150_000_000, 200_000_000)
    assert [(each.workspace, each.overage_before, each.overage) for each in item.workspaces] == [
        ("a", 0, 0),
        ("b", 50_000_000, 0),
    ]


def test_a_second_plan_is_drawn_beside_the_first(world: World) -> None:
    effect = world.form("buy", {"plan": "startup", "workspaces": "b"}).form.effect
    assert effect is not None
    item = effect.items[0]
    assert (item.quota_before, item.quota) == (150_000_000, 190_000_000)
    assert [(each.workspace, each.overage_before, each.overage, each.charge) for each in item.workspaces] == [
        ("b", 50_000_000, 10_000_000, "15.00"),
        ("a", 0, 0, "0.00"),
    ]


def test_another_order_of_a_list_moves_who_is_over_and_no_money(world: World) -> None:
    effect = world.form("change-workspaces", {"plan_id": "p0", "workspaces": "b,a"}).form.effect
    assert effect is not None
    assert effect.difference == "0.00"
    assert effect.items[0].order_before == ["a", "b"]
    assert [(each.workspace, each.overage_before, each.overage) for each in effect.items[0].workspaces] == [
        ("b", 50_000_000, 0),
        ("a", 0, 50_000_000),
    ]


def test_a_charge_by_retentions_is_not_guessed(world: World) -> None:
    effect = world.form("change-workspaces", {"plan_id": "p0", "workspaces": "a"}).form.effect
    assert effect is not None
    assert [(each.workspace, each.basis, each.charge) for each in effect.items[0].workspaces] == [
        ("a", "package", "0.00"),
        ("b", "pay_as_you_go", None),
    ]
    assert (effect.charge, effect.difference) == (None, None)


def test_a_plan_that_begins_later_changes_nothing_today(world: World) -> None:
    fields = {"plan": "startup", "workspaces": "b", "first_day": "2026-02-03"}
    form = world.form("buy", fields).form
    assert form.quote is not None
    assert form.quote.counts_from == "2026-02-03"
    assert form.effect is not None
    assert form.effect.items == []


def test_what_cash_does_not_pay_is_quoted_all_the_same(world: World) -> None:
    form = world.form("buy", {"plan": "enterprise", "workspaces": "b", "paying": "split", "pay.cash": "1.00"}).form
    assert form.quote is not None
    assert (form.quote.outcome, form.quote.price, form.quote.seen) == ("refused", "510000.00", None)
    assert [(each.field, each.reason) for each in form.problems] == [("payments", "payments_must_equal_price")]
    assert form.effect is not None
    assert form.effect.difference == "-75.00"
    assert len(world.look(lambda sight: used_today(sight, ACCOUNT, DAY))) == 2
