"""A partition's state: what its changelog says is all that it is, however it is read back."""

import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from meter.batch.store import Store
from meter.rules.state.journal_facts import JournalFacts
from meter.rules.state.rows import Decided
from schemas.catalog import catalog_json, load_catalog
from schemas.columns import ints
from schemas.journal import CONTENT_BYTES, IDENTITY_BYTES, Opening
from schemas.rows import Binding, Fact, Use, Wallet
from tables import keys
from tables.partition_state import PartitionState, Rows, restored

CATALOG = load_catalog(Path(__file__).parents[2] / "meter" / "catalog.toml")
DAY = 739_000
OPENING = Opening("meter-1", "Asia/Shanghai", "CNY", 4, 3_600, 35, catalog_json(CATALOG), 1_769_000_000_000)
CONTENT, OTHER_CONTENT = b"c" * CONTENT_BYTES, b"d" * CONTENT_BYTES


class Where(Fact, frozen=True):
    """A position row."""

    offset: int


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[list[Store]]:
    """An original and two to restore into."""
    opened = [Store(tmp_path / name) for name in ("original", "restored", "compacted")]
    yield opened
    for store in opened:
        store.close()


@pytest.fixture
def state(stores: list[Store]) -> PartitionState:
    return PartitionState(stores[0])


def identity(workspace: str, name: str) -> bytes:
    return f"{workspace}.{name}".encode().ljust(IDENTITY_BYTES, b".")


def claimed(
    state: PartitionState, *names: str, workspace: str = "w", day: int = DAY, content: bytes = CONTENT
) -> list[bytes | None]:
    """Claim identities with one content; under which each was claimed before."""
    identities = b"".join(identity(workspace, name) for name in names)
    earlier = state.claim([day], ints([0] * len(names)), identities, content * len(names))
    return [earlier.get(event) for event in range(len(names))]


def settle(state: PartitionState, offset: int = 1) -> Rows:
    """End a chunk; the rows for the changelog."""
    rows = state.changes(offset)
    state.committed(rows, offset * 10)
    return rows


# Identities


def test_an_identity_is_claimed_once_in_a_call_in_a_chunk_and_for_good(state: PartitionState) -> None:
    assert claimed(state, "a", "b", "a") == [None, None, CONTENT]
    assert claimed(state, "b", "c") == [CONTENT, None]
    settle(state)
    assert claimed(state, "a", "d", "d") == [CONTENT, None, CONTENT]
    assert claimed(PartitionState(state.store), "a", "d") == [CONTENT, None]


def test_the_first_content_counts_and_is_returned(state: PartitionState) -> None:
    assert state.claim([DAY], ints([0, 0]), identity("w", "a") * 2, CONTENT + OTHER_CONTENT) == {1: CONTENT}
    settle(state)
    assert claimed(state, "a", content=OTHER_CONTENT) == [CONTENT]


def test_workspaces_do_not_share_identities(state: PartitionState) -> None:
    assert claimed(state, "a", workspace="w") == [None]
    assert claimed(state, "a", workspace="w1") == [None]
    assert claimed(state, "a", workspace="w") == [CONTENT]


def test_no_events_claim_nothing(state: PartitionState) -> None:
    assert claimed(state) == []
    assert state.claim([], ints([]), b"", b"") == {}


def test_identities_are_forgotten_with_their_day_and_only_then(state: PartitionState) -> None:
    claimed(state, "old")
    claimed(state, "young", day=DAY + 1)
    settle(state)
    state.expire(DAY)
    assert claimed(state, "young", day=DAY + 1) == [CONTENT]
    assert claimed(state, "old", day=DAY + 2) == [None]
    assert state.drop_identities(10) > 0
    settle(state, 2)
    assert claimed(state, "old", "young", day=DAY + 2) == [CONTENT, CONTENT]
    assert state.drop_identities(10) == 0


def test_what_was_claimed_in_a_dropped_chunk_is_free(state: PartitionState) -> None:
    claimed(state, "a")
    state.changes(1)
    assert claimed(PartitionState(state.store), "a") == [None]


# Rows


def use(state: PartitionState, day: int, item: str = "logs", account: str = "acct", quantity: int = 1) -> None:
    cell = state.cell((account, day, item))
    cell.uses.setdefault("w", Use()).sums = {14: quantity}
    cell.note(("w",))
    state.put_cell(cell)


def keys_from(state: PartitionState, day: int, account: str = "acct") -> list[tuple[int, str]]:
    return [(cell.day, cell.item) for cell in state.cells_from(account, day)]


def test_cells_of_an_account_come_in_order_stored_and_fresh(state: PartitionState) -> None:
    use(state, DAY + 2)
    use(state, DAY)
    use(state, DAY, account="acct2")
    settle(state)
    use(state, DAY + 1)
    use(state, DAY, "pv")
    use(state, DAY + 1, account="acc")
    assert keys_from(state, DAY) == [(DAY, "logs"), (DAY, "pv"), (DAY + 1, "logs"), (DAY + 2, "logs")]
    assert keys_from(state, DAY + 1) == [(DAY + 1, "logs"), (DAY + 2, "logs")]
    assert keys_from(state, DAY + 3) == []
    assert keys_from(state, 0, "nobody") == []


def test_a_cell_only_looked_at_is_no_cell(state: PartitionState) -> None:
    state.cell(("acct", DAY, "logs"))
    assert keys_from(state, DAY) == []
    settle(state)
    assert keys_from(PartitionState(state.store), DAY) == []


def test_cells_are_read_as_changed_in_the_chunk(state: PartitionState) -> None:
    use(state, DAY, quantity=5)
    settle(state)
    use(state, DAY, quantity=7)
    (cell,) = state.cells_from("acct", DAY)
    assert cell.uses["w"].sums == {14: 7}
    (cell,) = PartitionState(state.store).cells_from("acct", DAY)
    assert cell.uses["w"].sums == {14: 5}


def test_sums_of_any_size_are_kept(state: PartitionState) -> None:
    use(state, DAY, quantity=20_000 * 10**15)
    use(state, DAY + 1, quantity=-(10**30))
    settle(state)
    again = PartitionState(state.store)
    sums = [cell.uses["w"].sums for cell in again.cells_from("acct", DAY)]
    assert sums == [{14: 20_000 * 10**15}, {14: -(10**30)}]


def test_facts_and_position_are_kept(state: PartitionState) -> None:
    assert PartitionState(state.store).facts() is None
    assert state.position(Where) is None
    state.put_facts(JournalFacts.opened(OPENING, OPENING.opened_ms).with_closed(DAY))
    state.put_row(keys.POSITION, Where(41))
    settle(state)
    again = PartitionState(state.store)
    facts = again.facts()
    assert facts is not None
    assert (facts.opening, facts.closed_through, facts.catalog) == (OPENING, DAY, CATALOG)
    assert again.position(Where) == Where(41)


def test_a_row_of_this_chunk_is_read_before_the_stored_one(state: PartitionState) -> None:
    state.put_binding("w", Binding("acct", DAY + 5))
    state.put_wallet("acct", Wallet("cash", None, Decimal("10.00")))
    settle(state)
    state.put_binding("w", Binding("acct", DAY))
    state.put_wallet("acct", Wallet("cash", None, Decimal("0.50")))
    state.put_decided("acct", "o-1", Decided(b"{}"))
    assert state.binding("w") == Binding("acct", DAY)
    assert state.wallet("acct", "cash", None) == Wallet("cash", None, Decimal("0.50"))
    assert state.decided("acct", "o-1") == Decided(b"{}")
    settle(state)
    again = PartitionState(state.store)
    assert again.binding("w") == Binding("acct", DAY)
    assert again.wallet("acct", "cash", None) == Wallet("cash", None, Decimal("0.50"))
    assert again.wallet("acct", "coupon", "c") is None
    assert again.decided("acct", "o-1") == Decided(b"{}")


# The changelog


def chunk(state: PartitionState, chance: random.Random, day: int, offset: int) -> Rows:
    """What a chunk may do, by chance."""
    accounts = ["a", "ab", "b"]
    for _ in range(chance.randrange(8)):
        account = chance.choice(accounts)
        names = [str(chance.randrange(40)) for _ in range(chance.randrange(6))]
        claimed(state, *names, workspace=chance.choice("wxy"), day=day - chance.randrange(3))
        use(state, day - chance.randrange(3), chance.choice(["logs", "pv"]), account, chance.randrange(100))
        state.put_wallet(account, Wallet("cash", None, Decimal(chance.randrange(1_000))))
        state.put_binding(f"w-{account}", Binding(account, day))
        state.account(account).last_order_day = day
        state.put_account(state.account(account))
    if chance.random() < 0.3:
        state.expire(day - 3)
        state.drop_identities(chance.randrange(1, 20))
        state.drop_days(chance.choice(accounts), day - 3)
    state.put_row(keys.POSITION, Where(offset))
    return settle(state, offset)


def rows_of(store: Store) -> dict[bytes, bytes]:
    """Everything but how far the changelog was read, which only the reader knows."""
    return {key: value for key, value in store.scan(b"") if key != keys.CHANGELOG}


def read_back(store: Store, changelog: Rows, chance: random.Random) -> None:
    """Restore in batches cut anywhere, as fetches cut them."""
    start = 0
    while start < len(changelog):
        end = start + chance.randrange(1, 30)
        store.write(restored(changelog[start:end], store))
        start = end


def compacted(changelog: Rows) -> Rows:
    """What compaction leaves: of each key the last row, deletions too."""
    last = {key: number for number, (key, _) in enumerate(changelog)}
    return [row for number, row in enumerate(changelog) if last[row[0]] == number]


@pytest.mark.parametrize("seed", range(12))
def test_a_memory_restored_from_its_changelog_is_the_original(stores: list[Store], seed: int) -> None:
    original, plain, short = stores
    chance = random.Random(seed)
    state, changelog = PartitionState(original), Rows()
    for offset in range(1, 25):
        changelog += chunk(state, chance, DAY + offset // 4, offset)
        if chance.random() < 0.2:
            state = PartitionState(original)  # taken anew
    read_back(plain, changelog, chance)
    assert rows_of(plain) == rows_of(original)
    cut = chance.randrange(len(changelog))
    read_back(short, compacted(changelog[:cut]) + changelog[cut:], chance)
    assert rows_of(short) == rows_of(original)
