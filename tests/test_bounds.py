"""The largest of every row and journal record there may be, held below what its topic takes.

One entry a kind of row: a new one without an entry here fails. History, an account's size and a burst have no part
in any of them. `test_output_bounds` does the same for outputs.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal

import msgspec
import numpy as np
import pytest

from agents.intake.journal_entries import OrderBuilder, pack
from agents.meter.journal_check import Position
from meter.kafka.topics import JOURNAL_BATCH_BYTES, STATE_BATCH_BYTES
from schemas.catalog_file import CATALOG_LIMIT_BYTES
from schemas.journal import CatalogVersion, Named, OrderEntry, encode
from schemas.rows import NEVER, Binding, StatedDay, Wallet
from tables import keys
from tables.facts import FactsRow
from tables.identities.packed_rows import PACKED_IDENTITIES
from tables.partition_state import PartitionState
from tests.largest import (
    DAY,
    MONEY,
    NAME,
    NAMES,
    PLANS,
    REVISION,
    ids,
    largest_order,
    largest_plan,
    largest_use,
    opening,
)
from tests.rules.announced_world import DictStore


def written(change: Callable[[PartitionState], object]) -> list[tuple[bytes, bytes | None]]:
    state = PartitionState(DictStore())
    change(state)
    return state.changes(REVISION)


def an_account(state: PartitionState) -> None:
    account = state.account(NAME)
    account.plans.update({NAME: largest_plan()})
    account.plans.update({each: msgspec.structs.replace(largest_plan(), plan_id=each, lists=()) for each in PLANS[:1]})
    state.put_account(account)


def an_ended_plan(state: PartitionState) -> None:
    an_account(state)
    state.committed(state.changes(1), 1)
    assert state.drop_days(NAME, DAY + 36_600) == 2


def a_cell(state: PartitionState) -> None:
    cell = state.cell((NAME, DAY, NAME))
    cell.uses.update(dict.fromkeys(NAMES, largest_use()))
    cell.alerts, cell.balance = dict.fromkeys(PLANS, 3), b"x" * 16
    cell.note(NAMES)
    state.put_cell(cell)


def statements_of_a_hundred_thousand(state: PartitionState) -> None:
    found = b"x" * 17 + b"1" * 40  # more digits than a charge has
    state.put_stated(NAME, DAY, StatedDay(b"x" * 16, due="1" * 60, used=100_000), dict.fromkeys(ids(100_000), found))


def identities(state: PartitionState) -> None:
    count = 3 * PACKED_IDENTITIES
    state.claim([DAY], np.zeros(count, dtype=np.int64), np.arange(2 * count, dtype="<u8").tobytes(), b"x" * 8 * count)


ROWS: dict[bytes, Callable[[PartitionState], object]] = {
    keys.ACCOUNT: an_account,
    keys.PLAN: an_account,
    keys.EXPIRED_PLAN: an_ended_plan,
    keys.BINDING: lambda state: state.put_binding(NAME, Binding(NAME, NEVER)),
    keys.CELL: a_cell,
    keys.STATED: statements_of_a_hundred_thousand,
    keys.WALLET: lambda state: state.put_wallet(NAME, Wallet("prepaid_card", NAME, Decimal(MONEY), NEVER)),
    keys.DECIDED: lambda state: state._rows.update({keys.decided(NAME, NAME): largest_order()}),
    keys.PACKED: identities,
    keys.FACTS: lambda state: state.put_row(
        keys.FACTS, FactsRow(opening(), DAY, DAY, NAME, NAME, (CatalogVersion(b"x" * CATALOG_LIMIT_BYTES),))
    ),
    keys.POSITION: lambda state: state.put_row(keys.POSITION, Position(REVISION, REVISION, 1 << 32)),
}
#: Rows that are no record of the changelog.
LOCAL = {keys.CHANGELOG, keys.SPILLED, keys.IDENTITY}


def test_every_kind_of_row_is_here() -> None:
    beside = {"PLAN_PACKAGE", "PLAN_LIST"}  # what rows of a plan are
    kinds = {value for name, value in vars(keys).items() if isinstance(value, bytes) and name not in beside}
    assert ROWS.keys() | LOCAL == kinds


@pytest.mark.parametrize("kind", ROWS, ids=repr)
def test_no_row_can_outgrow_the_changelog(kind: bytes) -> None:
    rows = [(key, len(key) + len(value or b"")) for key, value in written(ROWS[kind]) if key.startswith(kind)]
    assert rows, "there is such a row"
    key, longest = max(rows, key=lambda row: row[1])
    print(f"{kind!r}: {longest} bytes in {len(rows)} rows")
    assert longest < STATE_BATCH_BYTES // 2, key


def journal_records() -> Iterator[bytes]:
    named = {name: Named(name, NAME, NEVER) for name in NAMES}
    order = OrderBuilder("plan-purchases", 0, OrderEntry(REVISION, REVISION, DAY, largest_order()), named)
    yield from pack([order] * 50)
    yield encode(opening())
    yield encode(CatalogVersion(b"x" * CATALOG_LIMIT_BYTES, REVISION, REVISION))


def test_no_journal_record_can_outgrow_the_journal() -> None:
    assert max(map(len, journal_records())) + 1_000 < JOURNAL_BATCH_BYTES
