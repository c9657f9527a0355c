"""The facts say which format the state has: no meter takes rows for something else than they are."""

from pathlib import Path

import msgspec
import pytest

from meter.errors import UserError
from schemas.catalog import catalog_json, load_catalog
from schemas.journal import CatalogVersion, Opening
from schemas.rows import Fact, pack
from tables import keys
from tables.facts import STATE_FORMAT, FactsRow, facts_of, facts_row
from tables.partition_state import PartitionState
from tests.rules.announced_world import DictStore

CATALOG = load_catalog(Path(__file__).parents[2] / "meter" / "catalog.toml")
OPENING = Opening("meter-1", "Asia/Shanghai", "CNY", 4, 3_600, 35, catalog_json(CATALOG), 1_769_000_000_000)
ROW = FactsRow(OPENING, 739_000, 738_965, "acct", None, (CatalogVersion(b"{}", 7, 9),))


class FactsOfFormat5(Fact, frozen=True):
    """As a meter reads them that finds an account's plans by the ids in the account's row."""

    opening: Opening
    closed_through: int
    expired_through: int
    closing: str = ""
    sweeping: str | None = None
    announced: tuple[CatalogVersion, ...] = ()


def test_a_meter_that_would_find_accounts_without_plans_cannot_read_the_facts() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(facts_row(ROW), type=FactsOfFormat5)
    assert facts_of(facts_row(ROW)) == ROW


def test_the_facts_of_format_5_are_read_and_written_again_with_the_first_chunk() -> None:
    store = DictStore()
    store.rows[keys.FACTS] = pack(FactsOfFormat5(OPENING, 739_000, 738_965))
    state = PartitionState(store)
    facts = state.facts()
    assert facts is not None
    assert (facts.closed_through, facts.expired_through) == (739_000, 738_965)
    state._chunks = 1  # not in turn to be written for a while
    state.put_facts(facts)
    assert [key for key, value in state.changes(1) if value == facts_row(FactsRow(OPENING, 739_000, 738_965))] == [
        keys.FACTS
    ]


def test_a_state_of_a_later_format_is_refused_with_both_numbers() -> None:
    later = msgspec.msgpack.encode([STATE_FORMAT + 1, msgspec.to_builtins(ROW, builtin_types=(bytes,)), "what it adds"])
    with pytest.raises(UserError, match=rf"its format is {STATE_FORMAT + 1}, this version reads formats up to 6"):
        facts_of(later)
    store = DictStore()
    store.rows[keys.FACTS] = later
    with pytest.raises(UserError):
        PartitionState(store)
