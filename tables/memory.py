"""The memory of one journal partition: rows of the store, the chunk's changes over them, decoded rows kept at hand.

The fold reads and changes rows here; `changes` says what a chunk changed, to be written in its transaction, and
`settle` takes it over once that is certain. When in doubt the whole memory is dropped and made anew from the store.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import msgspec

from meter.batch.store import Store
from meter.rules.facts import Facts
from meter.rules.memory import Cell, CellKey, Decided
from schemas.journal import IDENTITY_BYTES, KEY_BYTES, Opening
from schemas.rows import Account, Binding, Fact, Published, Use, Wallet
from tables import keys
from tables.keys import identities_of

#: Workspaces in decoded cells kept at hand; beyond it all are decoded anew when needed. Weighed now and then.
USES_KEPT = 100_000
WEIGH_EVERY = 32
#: Other decoded rows kept at hand, of each table.
ROWS_KEPT = 100_000
#: Identities in one packed row: well below a batch.
PACKED_IDENTITIES = 8_000


T = TypeVar("T")


class FactsRow(Fact, frozen=True):
    """The facts as stored."""

    opening: Opening
    closed_through: int
    expired_through: int


class CellRow(Fact, frozen=True):
    """A cell as stored."""

    uses: dict[str, Use]
    published: dict[str, Published]
    alerts: dict[str, int]
    balance: bytes


_encode = msgspec.msgpack.Encoder(decimal_format="string").encode
_cell = msgspec.msgpack.Decoder(CellRow).decode
_account = msgspec.msgpack.Decoder(Account).decode
_binding = msgspec.msgpack.Decoder(Binding).decode
_wallet = msgspec.msgpack.Decoder(Wallet).decode
_packed = msgspec.msgpack.Decoder(list[bytes]).decode

Rows = list[tuple[bytes, bytes | None]]


class PartitionMemory:
    """`meter.rules.memory.Memory` over a store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._cells: dict[CellKey, Cell] = {}
        self._accounts: dict[str, Account] = {}
        self._bindings: dict[str, Binding | None] = {}
        self._new_cells: dict[CellKey, Cell] = {}
        self._new_accounts: dict[str, Account] = {}
        self._fresh: dict[bytes, bytes] = {}
        self._fresh_days: dict[int, list[bytes]] = {}
        self._rows: dict[bytes, bytes | None] = {}
        self._facts: bytes | None = None
        self._chunks = 0

    # Identities

    def claim(
        self, workspaces: Sequence[str], days: Sequence[int], slots: Sequence[int], keys: bytes
    ) -> Sequence[bytes | None]:
        prefixes = [identities_of(workspace) for workspace in workspaces]
        starts = range(0, len(keys), KEY_BYTES)
        rows = [prefixes[slot] + keys[at : at + IDENTITY_BYTES] for slot, at in zip(slots, starts, strict=True)]
        contents = [keys[at + IDENTITY_BYTES : at + KEY_BYTES] for at in starts]
        earlier = self.store.get_many(rows)
        claimed = [self._fresh_days.setdefault(day, []).append for day in days]
        claim = self._fresh.setdefault
        event = 0
        for slot, row, content, stored in zip(slots, rows, contents, earlier, strict=True):
            if stored is None:
                standing = claim(row, content)
                if standing is content:
                    claimed[slot](row)
                else:
                    earlier[event] = standing
            event += 1  # noqa: SIM113  # counted by hand: half the cost of enumerate over a zip of four
        return earlier

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
        found = self._accounts.get(account)
        if found is None:
            value = self._row(keys.account(account))
            if value is None:
                found = Account(account, plans={})
                self._new_accounts[account] = found
            else:
                found = _account(value)
            self._accounts[account] = found
        return found

    def touch_account(self, account: Account) -> None:
        self._new_accounts[account.account] = account

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
        found = self._cells.get(key)
        if found is None:
            value = self.store.get(keys.cell(*key))
            if value is None:
                found = Cell(*key)
            else:
                row = _cell(value)
                found = Cell(*key, row.uses, row.published, row.alerts, row.balance)
            self._cells[key] = found
        return found

    def touch_cell(self, cell: Cell) -> None:
        self._new_cells[cell.key] = cell

    def cells_from(self, account: str, day: int) -> Iterator[Cell]:
        found = {
            keys.cell_parts(key): None
            for key, _ in self.store.scan(keys.cells_of(account), start=keys.cells_from(account, day))
        }
        found.update((key, None) for key in self._new_cells if key[0] == account)
        for key in sorted(key for key in found if key[1] >= day):
            yield self.cell(key)

    # The partition itself

    def position(self, kind: type[T]) -> T | None:
        """The position row: where the state stands in the journal."""
        value = self.store.get(keys.POSITION)
        return None if value is None else msgspec.msgpack.decode(value, type=kind)

    def facts(self) -> Facts | None:
        """The facts that the state stands on; None before the opening was folded."""
        value = self.store.get(keys.FACTS)
        if value is None:
            return None
        self._facts = value
        row = msgspec.msgpack.decode(value, type=FactsRow)
        return Facts.remembered(row.opening, row.closed_through, row.expired_through)

    def put_facts(self, facts: Facts) -> None:
        """Remember the facts, if they changed."""
        value = _encode(FactsRow(facts.opening, facts.closed_through, facts.expired_through))
        if value != self._facts:
            self._facts = self._rows[keys.FACTS] = value

    # A chunk's end

    def put_row(self, key: bytes, row: object) -> None:
        """Change a row that belongs to the partition itself."""
        self._rows[key] = _encode(row)

    def changes(self, offset: int) -> Rows:
        """The changelog's rows of what was changed since `settle`; `offset`: of the last journal record folded."""
        rows: Rows = list(self._rows.items())
        rows.extend((keys.account(name), _encode(account)) for name, account in self._new_accounts.items())
        for key, cell in self._new_cells.items():
            row = CellRow(cell.uses, cell.published, cell.alerts, cell.balance)
            rows.append((keys.cell(*key), _encode(row)))
        for day, claimed in self._fresh_days.items():
            for number, start in enumerate(range(0, len(claimed), PACKED_IDENTITIES)):
                flat: list[bytes] = []
                for row_key in claimed[start : start + PACKED_IDENTITIES]:
                    flat += (row_key, self._fresh[row_key])
                rows.append((keys.packed(day, offset, number), _encode(flat)))
        return rows

    def settle(self, rows: Rows, changelog_next: int) -> None:
        """The rows of `changes` are committed: take them over, with where the changelog goes on."""
        self.store.write([*rows, *sorted(self._fresh.items()), (keys.CHANGELOG, changelog_next.to_bytes(8, "big"))])
        self._rows, self._fresh, self._fresh_days = {}, {}, {}
        self._new_cells, self._new_accounts = {}, {}
        self._trim()

    def _trim(self) -> None:
        self._chunks += 1
        if self._chunks % WEIGH_EVERY == 0 and sum(len(cell.uses) for cell in self._cells.values()) > USES_KEPT:
            self._cells.clear()
        if len(self._accounts) > ROWS_KEPT:
            self._accounts.clear()
        if len(self._bindings) > ROWS_KEPT:
            self._bindings.clear()

    def _row(self, key: bytes) -> bytes | None:
        if key in self._rows:
            return self._rows[key]
        return self.store.get(key)


def restored(rows: Iterable[tuple[bytes, bytes | None]]) -> Iterator[tuple[bytes, bytes | None]]:
    """Rows of the changelog as rows of the store: packed identities also one by one."""
    for key, value in rows:
        yield key, value
        if value is not None and key[:1] == keys.PACKED:
            flat = _packed(value)
            yield from zip(flat[::2], flat[1::2], strict=True)
