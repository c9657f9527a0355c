"""The state of one journal partition: rows in the store, the chunk's changes over them, and caches of decoded rows.

The fold reads and changes rows here. `changes` returns a chunk's changed rows for its transaction; `committed` writes
them to the store once the commit is certain. If it is uncertain, the whole state is dropped and read from the store
again.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

import msgspec

from meter.batch.store import Store
from meter.rules.state.journal_facts import NEVER_EXPIRED, JournalFacts
from meter.rules.state.rows import Cell, CellKey, Decided
from schemas.columns import Ints
from schemas.rows import Account, Binding, Plan, StatedDay, Wallet
from tables import keys
from tables.accounts import Accounts
from tables.cells import NO_END, Cells
from tables.facts import FactsRow, facts_of, facts_row
from tables.identities.identities import Identities
from tables.identities.packed_rows import Row
from tables.identities.spilled import restored as restored
from tables.stated import StatedDays

#: Decoded rows cached of each table.
ROWS_KEPT = 100_000
#: The facts are written at least every so many chunks, so that commands find them near the changelog's end.
FACTS_EVERY = 16


T = TypeVar("T")


_encode = msgspec.msgpack.Encoder(decimal_format="string").encode
_binding = msgspec.msgpack.Decoder(Binding).decode
_wallet = msgspec.msgpack.Decoder(Wallet).decode

Rows = list[Row]


class PartitionState:
    """Implements `meter.rules.state.rows.Rows` over a store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._cells = Cells(store)
        self._accounts = Accounts(store)
        self._bindings: dict[str, Binding | None] = {}
        self._rows: dict[bytes, bytes | None] = {}
        self._facts: bytes | None = None
        self._chunks = 0
        self._stated = StatedDays(store)
        facts = self.facts()
        self._identities = Identities(store, NEVER_EXPIRED if facts is None else facts.expired_through)

    # Identities

    def claim(self, days: Sequence[int], slots: Ints, identities: bytes, contents: bytes) -> dict[int, bytes]:
        return self._identities.claim(days, slots, identities, contents)

    def known(self) -> int:
        """How many identities are known, those of the current chunk included."""
        return len(self._identities)

    # Bindings, accounts, wallets, decided orders

    def binding(self, workspace: str) -> Binding | None:
        try:
            return self._bindings[workspace]
        except KeyError:
            value = self._row(keys.binding(workspace))
            found = self._bindings[workspace] = None if value is None else _binding(value)
            return found

    def put_binding(self, workspace: str, binding: Binding) -> None:
        self._bindings[workspace] = binding
        self._rows[keys.binding(workspace)] = _encode(binding)

    def account(self, account: str) -> Account:
        return self._accounts.get(account)

    def expired_plan(self, account: str, plan_id: str) -> Plan | None:
        return self._accounts.expired(account, plan_id)

    def put_account(self, account: Account) -> None:
        self._accounts.touch(account)

    def wallet(self, account: str, method: str, instrument: str | None) -> Wallet | None:
        value = self._row(keys.wallet(account, method, instrument))
        return None if value is None else _wallet(value)

    def put_wallet(self, account: str, wallet: Wallet) -> None:
        self._rows[keys.wallet(account, wallet.method, wallet.instrument)] = _encode(wallet)

    def decided(self, account: str, order_id: str) -> Decided | None:
        value = self._row(keys.decided(account, order_id))
        return None if value is None else Decided(value)

    def put_decided(self, account: str, order_id: str, decided: Decided) -> None:
        self._rows[keys.decided(account, order_id)] = decided.content

    # Cells

    def cell(self, key: CellKey) -> Cell:
        return self._cells.get(key)

    def put_cell(self, cell: Cell) -> None:
        self._cells.touch(cell)

    def cells_from(self, account: str, day: int, through: int = NO_END) -> Iterator[Cell]:
        for key in self._cells.keys_from(account, day, through):
            yield self.cell(key)

    # Days: statements, closing and expiry

    def counted_from(self, day: int) -> bool:
        return self._identities.any_from(day)

    def accounts_after(self, account: str) -> Iterator[str]:
        return self._accounts.after(account)

    def stated(self, account: str, day: int) -> StatedDay | None:
        return self._stated.get(account, day)

    def put_stated(self, account: str, day: int, stated: StatedDay, changed: Mapping[str, bytes]) -> None:
        self._stated.put(account, day, stated, changed)

    def expire(self, through: int) -> None:
        self._identities.expire(through)

    def drop_days(self, account: str, through: int) -> int:
        cells = [row for key in self._cells.keys_from(account, 0, through) for row in self._cells.drop(key)]
        self._rows.update(dict.fromkeys(cells))
        stated = self._stated.drop(account, through)
        for row in stated:
            self._rows[row] = None
        return len(cells) + len(stated) + self._accounts.expire(account, through)

    def drop_identities(self, most: int) -> int:
        return self._identities.drop(most)

    # The partition itself

    def position(self, kind: type[T]) -> T | None:
        """The position row: the last journal record that the state holds; None before the first."""
        value = self.store.get(keys.POSITION)
        return None if value is None else msgspec.msgpack.decode(value, type=kind)

    def facts(self) -> JournalFacts | None:
        """The stored facts; None before the opening was folded."""
        value = self.store.get(keys.FACTS)
        if value is None:
            return None
        self._facts = value
        return JournalFacts.stored(*msgspec.structs.astuple(facts_of(value)))

    def put_facts(self, facts: JournalFacts) -> None:
        """Write the facts if they changed, and every FACTS_EVERY chunks."""
        row = FactsRow(
            facts.opening,
            facts.closed_through,
            facts.expired_through,
            facts.closing,
            facts.sweeping,
            facts.announced,
        )
        value = facts_row(row)
        if value != self._facts or self._chunks % FACTS_EVERY == 0:
            self._facts = self._rows[keys.FACTS] = value

    # A chunk's end

    def put_row(self, key: bytes, row: object) -> None:
        """Write a row that belongs to the partition as a whole."""
        self._rows[key] = _encode(row)

    def changes(self, offset: int) -> Rows:
        """The rows changed since `committed`, for the changelog; `offset`: of the last journal record folded."""
        return list(self.changing(offset))

    def changing(self, offset: int) -> Iterator[Row]:
        """`changes` as an iterator; the state must not change meanwhile."""
        yield from self._rows.items()
        yield from self._accounts.changes()
        yield from self._cells.changes()
        yield from self._stated.changes()
        yield from self._identities.changes(offset)

    def committed(self, rows: Rows, changelog_next: int) -> None:
        """Write the committed rows of `changes` to the store, with the changelog offset behind them."""
        local = self._identities.committed()
        self.store.write([*rows, *local, (keys.CHANGELOG, changelog_next.to_bytes(8, "big"))])
        self._rows = {}
        self._accounts.committed(ROWS_KEPT)
        self._cells.committed()
        self._stated.committed()
        self._trim()

    def _trim(self) -> None:
        self._chunks += 1
        if len(self._bindings) > ROWS_KEPT:
            self._bindings.clear()

    def _row(self, key: bytes) -> bytes | None:
        if key in self._rows:
            return self._rows[key]
        return self.store.get(key)
