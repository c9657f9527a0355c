"""A day older than those kept is its statements, figure by figure."""

from decimal import Decimal
from pathlib import Path

import msgspec

from meter.dashboard.calendar import Calendar
from meter.dashboard.ingest.published import Published
from meter.dashboard.old_days import AFTER_MS, BEFORE_MS, spans
from meter.dashboard.sight import Live, Sight
from meter.dashboard.views import old_day
from meter.rules.billing_days import parse_time
from meter.rules.charges import due
from meter.settings import Settings
from tests.dashboard.read_models import DENSE, ReadModel, published_of
from tests.dashboard.test_read_model import highest
from tests.simulation.days import DayEnds, day_ends_simulated
from tests.simulation.world import world

LATER, NOW = "2026-06-01", "2026-06-01T12:00:00Z"


def test_an_old_day_shows_what_its_statements_say(tmp_path: Path) -> None:
    looked_at = 0
    with day_ends_simulated():
        for seed in range(12):
            simulator = DayEnds(seed, world(seed))
            simulator.run()
            logs = published_of(simulator.cluster)
            statements = highest(logs)["statements"]
            model = ReadModel(tmp_path / f"{seed}.sqlite")
            model.take([each for log in logs.values() for each in log], LATER)
            assert model.rows("SELECT count(*) FROM cells") == [(0,)], "the days are no longer kept"
            with model.store.reading() as connection:
                sight = Sight(connection, model.calendar, DENSE, Settings(), parse_time(NOW), Live())
                for key, record in statements.items():
                    if key.count("/") == 1:
                        stated = [each for other, each in statements.items() if other.startswith(f"{key}/")]
                        assert old_day.versions_of(sight, record["account"], record["day"]) is not None
                        page = msgspec.to_builtins(old_day.page(sight, record["account"], record["day"], stated))
                        assert page["amount"] == record["amount_due"]
                        charges = [Decimal(each["charge"]) for each in page["workspaces"]]
                        assert due(charges) == Decimal(record["amount_due"]), key
                        for each in stated:
                            for item in each["items"]:
                                shown = {one["workspace"]: one for one in page["items"][item["item"]]["workspaces"]}
                                assert shown[each["workspace"]]["usage"] == item["usage"]
                                looked_at += 1
            model.close()
    assert looked_at > 20


def test_times_that_are_close_are_read_once() -> None:
    first, second, third = 10**12, 10**12 + AFTER_MS, 10**12 + 10 * AFTER_MS
    assert spans([third, first, second]) == [
        (first - BEFORE_MS, second + AFTER_MS),
        (third - BEFORE_MS, third + AFTER_MS),
    ]


def test_days_are_kept_for_the_horizon_and_two_more() -> None:
    calendar = Calendar("+00:00", 3600, 35)
    assert calendar.oldest_kept("2026-03-10") == "2026-02-01"


def test_a_batch_of_an_old_day_changes_nothing_but_its_statement(tmp_path: Path) -> None:
    model = ReadModel(tmp_path / "d.sqlite")
    value = b'{"account":"a","plan_id":"p","item":"logs","day":"2026-01-01","threshold":80,"state":"raised",'
    alert = Published("quota-alerts", 0, 0, 0, b"k", value + b'"quota":1,"covered":1,"revision":1}')
    assert model.take([alert], LATER) == set()
    assert model.rows("SELECT count(*) FROM alerts") == [(0,)]
    model.close()
