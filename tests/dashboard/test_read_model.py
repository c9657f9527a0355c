"""The read model over random histories: every figure is that of the highest revision, totals are sums, and the live
amount of a day is its statement (SPEC2 §12, laws 1 and 2).

Histories are those of simulated workers that crash, repeat, close days and restate them.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from meter.dashboard.ingest.published import Published
from meter.rules.charges import due
from tests.dashboard.read_models import ReadModel, interleaved, published_of
from tests.simulation.days import DayEnds, day_ends_simulated
from tests.simulation.world import world

SEEDS = range(60)
TODAY, NOW = "2026-02-03", "2026-02-03T12:00:00Z"

Highest = dict[str, dict[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def histories() -> list[tuple[int, dict[tuple[str, int], list[Published]]]]:
    """What simulated meters published, by seed."""
    found = []
    with day_ends_simulated():
        for seed in SEEDS:
            simulator = DayEnds(seed, world(seed))
            simulator.run()
            found.append((seed, published_of(simulator.cluster)))
    return found


@pytest.fixture(scope="module")
def models(
    histories: list[tuple[int, dict[tuple[str, int], list[Published]]]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[tuple[int, ReadModel, Highest]]]:
    """The read model of each history, and the highest revision of each key."""
    made = []
    for seed, logs in histories:
        model = ReadModel(tmp_path_factory.mktemp("store") / "dashboard.sqlite")
        for batch in interleaved(logs, Random(f"batches {seed}")):
            model.take(batch, TODAY)
        made.append((seed, model, highest(logs)))
    yield made
    for _, model, _ in made:
        model.close()


def highest(logs: dict[tuple[str, int], list[Published]]) -> Highest:
    """Topic -> key -> the record of the highest revision."""
    found: Highest = defaultdict(dict)
    for (topic, _), log in logs.items():
        for each in log:
            record = json.loads(each.value)
            before = found[topic].get(each.key.decode())
            if before is None or record.get("revision", 0) >= before.get("revision", 0):
                found[topic][each.key.decode()] = record
    return found


def test_every_overage_of_a_page_is_that_of_the_highest_revision(
    models: list[tuple[int, ReadModel, Highest]],
) -> None:
    looked_at = 0
    for seed, model, records in models:
        for record in records["overages"].values():
            page = model.page(f"accounts/{record['account']}/days/{record['day']}", NOW)
            of_item = {each["workspace"]: each for each in page["items"][record["item"]]["workspaces"]}
            shown = of_item[record["workspace"]]
            wanted = {name: record[name] for name in ("usage", "covered", "overage", "basis", "revision")}
            assert {name: shown[name] for name in wanted} == wanted, seed
            assert shown["charge"] == record["charge"]["amount"], seed
            looked_at += 1
    assert looked_at > len(SEEDS)


def test_every_balance_of_a_page_is_that_of_the_highest_revision(
    models: list[tuple[int, ReadModel, Highest]],
) -> None:
    looked_at = 0
    for seed, model, records in models:
        for record in records["quota-balances"].values():
            page = model.page(f"accounts/{record['account']}/days/{record['day']}", NOW)
            item = page["items"][record["item"]]
            assert [item[name] for name in ("quota", "covered", "left")] == [
                record[name] for name in ("quota", "covered", "left")
            ], seed
            assert item["plans"] == record["plans"], seed
            names = [each["workspace"] for each in record["workspaces"]]
            assert [each["workspace"] for each in item["workspaces"]][: len(names)] == names, seed
            shown = {each["workspace"]: each for each in item["workspaces"]}
            for each in record["workspaces"]:
                figures = {name: shown[each["workspace"]][name] for name in ("usage", "covered", "overage")}
                assert figures == {name: each[name] for name in figures}, seed
            looked_at += 1
    assert looked_at > len(SEEDS)


def test_the_live_amount_of_a_stated_day_is_its_statement(models: list[tuple[int, ReadModel, Highest]]) -> None:
    stated, restated = 0, 0
    for seed, model, records in models:
        for key, record in records["statements"].items():
            if key.count("/") != 1:
                continue
            page = model.page(f"accounts/{record['account']}/days/{record['day']}", NOW)
            assert page["statement"] == record, seed
            assert page["amount"] == record["amount_due"], (seed, key)
            assert page["state"] != "open", (seed, key)
            stated += 1
            restated += record["restated"]
    assert stated > len(SEEDS)
    assert restated > 10


def test_every_amount_is_the_sum_of_its_charges_rounded_once(models: list[tuple[int, ReadModel, Highest]]) -> None:
    for seed, model, records in models:
        sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for record in records["overages"].values():
            sums[record["account"], record["day"]] += Decimal(record["charge"]["amount"])
        for (account, day), total in sums.items():
            page = model.page(f"accounts/{account}/days/{day}", NOW)
            assert Decimal(page["amount"]) == due([total]), seed
            assert sum(Decimal(item["charge"]) for item in page["items"].values()) == total, seed
            assert sum(Decimal(each["charge"]) for each in page["workspaces"]) == total, seed


def test_totals_of_an_item_are_the_sums_of_its_cells(models: list[tuple[int, ReadModel, Highest]]) -> None:
    for seed, model, _ in models:
        wrong = model.rows(
            "SELECT i.day, i.account, i.item FROM items i JOIN cells c USING (day, account, item)"
            " GROUP BY i.day, i.account, i.item HAVING i.usage != sum(c.usage) OR i.overage != sum(c.overage)"
        )
        assert not wrong, seed
        alerts = model.rows(
            "SELECT d.day, d.account, d.alerts, count(a.state) FROM account_days d LEFT JOIN alerts a"
            " ON a.day = d.day AND a.account = d.account AND a.state = 'raised'"
            " GROUP BY d.day, d.account HAVING d.alerts != count(a.state)"
        )
        assert not alerts, seed


def test_a_workspaces_statement_says_what_the_page_shows(models: list[tuple[int, ReadModel, Highest]]) -> None:
    free = 0
    for seed, model, records in models:
        for key, record in records["statements"].items():
            if key.count("/") != 2:
                continue
            page = model.page(f"accounts/{record['account']}/days/{record['day']}", NOW)
            for item in record["items"]:
                on_page = page["items"].get(item["item"], {"workspaces": []})
                shown = {each["workspace"]: each for each in on_page["workspaces"]}
                if not item["usage"] and record["workspace"] not in shown:
                    continue  # usage that was taken back before anything was over
                each = shown[record["workspace"]]
                assert each["usage"] == item["usage"], (seed, key)
                assert each["overage"] == item["overage"], (seed, key)
                assert each["charge"] == item["charge"]["amount"], (seed, key)
            free += record["basis"] == "free"
    assert free > 5


def test_the_feed_shows_each_change_as_it_was_published(
    histories: list[tuple[int, dict[tuple[str, int], list[Published]]]],
    models: list[tuple[int, ReadModel, Highest]],
) -> None:
    entries = 0
    for (seed, logs), (_, model, _) in zip(histories, models, strict=True):
        published = {
            (record["day"], record["account"], record["revision"], record["item"], record["workspace"]): record
            for (topic, _), log in logs.items()
            if topic == "overages"
            for record in (json.loads(each.value) for each in log)
        }
        for day, account in {key[:2] for key in published}:
            for entry in model.page(f"accounts/{account}/days/{day}", NOW)["feed"]:
                for change in entry["changes"]:
                    record = published[day, account, entry["revision"], entry["item"], change["workspace"]]
                    assert entry["cause"] == record["cause"], seed
                    assert change["overage"] == record["overage"], seed
                    assert change["delta"] == record["delta"], seed
                    assert change["overage_before"] == record["overage"] - record["delta"], seed
                    assert change["sent"] == (change["workspace"] in record["cause"]["workspaces"]), seed
                    before = published.get((day, account, record["previous_revision"], *_place(record)))
                    if change["charge_delta"] is not None:
                        old = Decimal(before["charge"]["amount"]) if before else Decimal(0)
                        assert Decimal(change["charge_delta"]) == Decimal(record["charge"]["amount"]) - old, seed
                    entries += 1
    assert entries > len(SEEDS)


def _place(record: dict[str, Any]) -> tuple[str, str]:
    return record["item"], record["workspace"]


def test_a_second_reading_of_what_was_read_changes_nothing(
    histories: list[tuple[int, dict[tuple[str, int], list[Published]]]],
    models: list[tuple[int, ReadModel, Highest]],
    tmp_path: Path,
) -> None:
    tables = ("cells", "items", "account_days", "feed", "statements", "alerts", "records", "letters", "letter_groups")
    for (seed, logs), (_, model, _) in zip(histories, models, strict=True):
        before = {table: model.rows(f"SELECT * FROM {table}") for table in tables}
        model.take([each for log in logs.values() for each in log[: len(log) // 2 + 1]], TODAY)
        after = {table: model.rows(f"SELECT * FROM {table}") for table in tables}
        assert after == before, seed
