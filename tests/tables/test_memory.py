"""A partition's memory: what its changelog says is all that it is, however it is read back."""

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
from tables.partition_state import PartitionMemory, Rows, restored

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
def memory(stores: list[Store]) -> PartitionMemory:
    return PartitionMemory(stores[0])


def identity(workspace: str, name: str) -> bytes:
    return f"{workspace}.{name}".encode().ljust(IDENTITY_BYTES, b".")


def claimed(
    memory: PartitionMemory, *names: str, workspace: str = "w", day: int = DAY, content: bytes = CONTENT
) -> list[bytes | None]:
    """Claim identities with one content; under which each was claimed before."""
    identities = b"".join(identity(workspace, name) for name in names)
    earlier = memory.claim([day], ints([0] * len(names)), identities, content * len(names))
    return [earlier.get(event) for event in range(len(names))]


def settle(memory: PartitionMemory, offset: int = 1) -> Rows:
    """End a chunk; the rows for the changelog."""
    rows = memory.changes(offset)
    memory.settle(rows, offset * 10)
    return rows


# Identities


def test_an_identity_is_claimed_once_in_a_call_in_a_chunk_and_for_good(memory: PartitionMemory) -> None:
    assert claimed(memory, "a", "b", "a") == [None, None, CONTENT]
    assert claimed(memory, "b", "c") == [CONTENT, None]
    settle(memory)
    assert claimed(memory, "a", "d", "d") == [CONTENT, None, CONTENT]
    assert claimed(PartitionMemory(memory.store), "a", "d") == [CONTENT, None]


def test_the_first_content_stands_and_is_told(memory: PartitionMemory) -> None:
    assert memory.claim([DAY], ints([0, 0]), identity("w", "a") * 2, CONTENT + OTHER_CONTENT) == {1: CONTENT}
    settle(memory)
    assert claimed(memory, "a", content=OTHER_CONTENT) == [CONTENT]


def test_workspaces_do_not_share_identities(memory: PartitionMemory) -> None:
    assert claimed(memory, "a", workspace="w") == [None]
    assert claimed(memory, "a", workspace="w1") == [None]
    assert claimed(memory, "a", workspace="w") == [CONTENT]


def test_no_events_claim_nothing(memory: PartitionMemory) -> None:
    assert claimed(memory) == []
    assert memory.claim([], ints([]), b"", b"") == {}


def test_identities_are_forgotten_with_their_day_and_only_then(memory: PartitionMemory) -> None:
    claimed(memory, "old")
    claimed(memory, "young", day=DAY + 1)
    settle(memory)
    memory.expire(DAY)
    assert claimed(memory, "young", day=DAY + 1) == [CONTENT]
    assert claimed(memory, "old", day=DAY + 2) == [None]
    assert memory.drop_identities(10) > 0
    settle(memory, 2)
    assert claimed(memory, "old", "young", day=DAY + 2) == [CONTENT, CONTENT]
    assert memory.drop_identities(10) == 0


def test_what_was_claimed_in_a_dropped_chunk_is_free(memory: PartitionMemory) -> None:
    claimed(memory, "a")
    memory.changes(1)
    assert claimed(PartitionMemory(memory.store), "a") == [None]


# Rows


def use(memory: PartitionMemory, day: int, item: str = "logs", account: str = "acct", quantity: int = 1) -> None:
    cell = memory.cell((account, day, item))
    cell.uses.setdefault("w", Use(sums={})).sums[14] = quantity
    cell.note(("w",))
    memory.put_cell(cell)


def keys_from(memory: PartitionMemory, day: int, account: str = "acct") -> list[tuple[int, str]]:
    return [(cell.day, cell.item) for cell in memory.cells_from(account, day)]


def test_cells_of_an_account_come_in_order_stored_and_fresh(memory: PartitionMemory) -> None:
    use(memory, DAY + 2)
    use(memory, DAY)
    use(memory, DAY, account="acct2")
    settle(memory)
    use(memory, DAY + 1)
    use(memory, DAY, "pv")
    use(memory, DAY + 1, account="acc")
    assert keys_from(memory, DAY) == [(DAY, "logs"), (DAY, "pv"), (DAY + 1, "logs"), (DAY + 2, "logs")]
    assert keys_from(memory, DAY + 1) == [(DAY + 1, "logs"), (DAY + 2, "logs")]
    assert keys_from(memory, DAY + 3) == []
    assert keys_from(memory, 0, "nobody") == []


def test_a_cell_only_looked_at_is_no_cell(memory: PartitionMemory) -> None:
    memory.cell(("acct", DAY, "logs"))
    assert keys_from(memory, DAY) == []
    settle(memory)
    assert keys_from(PartitionMemory(memory.store), DAY) == []


def test_cells_are_read_as_changed_in_the_chunk(memory: PartitionMemory) -> None:
    use(memory, DAY, quantity=5)
    settle(memory)
    use(memory, DAY, quantity=7)
    (cell,) = memory.cells_from("acct", DAY)
    assert cell.uses["w"].sums == {14: 7}
    (cell,) = PartitionMemory(memory.store).cells_from("acct", DAY)
    assert cell.uses["w"].sums == {14: 5}


def test_sums_of_any_size_are_kept(memory: PartitionMemory) -> None:
    use(memory, DAY, quantity=20_000 * 10**15)
    use(memory, DAY + 1, quantity=-(10**30))
    settle(memory)
    again = PartitionMemory(memory.store)
    sums = [cell.uses["w"].sums[14] for cell in again.cells_from("acct", DAY)]
    assert sums == [20_000 * 10**15, -(10**30)]


def test_facts_and_position_are_kept(memory: PartitionMemory) -> None:
    assert PartitionMemory(memory.store).facts() is None
    assert memory.position(Where) is None
    memory.put_facts(JournalFacts.opened(OPENING, OPENING.opened_ms).with_closed(DAY))
    memory.put_row(keys.POSITION, Where(41))
    settle(memory)
    again = PartitionMemory(memory.store)
    facts = again.facts()
    assert facts is not None
    assert (facts.opening, facts.closed_through, facts.catalog) == (OPENING, DAY, CATALOG)
    assert again.position(Where) == Where(41)


def test_a_row_of_this_chunk_is_read_before_the_stored_one(memory: PartitionMemory) -> None:
    memory.put_binding("w", Binding("acct", DAY + 5))
    memory.put_wallet("acct", Wallet("cash", None, Decimal("10.00")))
    settle(memory)
    memory.put_binding("w", Binding("acct", DAY))
    memory.put_wallet("acct", Wallet("cash", None, Decimal("0.50")))
    memory.put_decided("acct", "o-1", Decided(b"{}"))
    assert memory.binding("w") == Binding("acct", DAY)
    assert memory.wallet("acct", "cash", None) == Wallet("cash", None, Decimal("0.50"))
    assert memory.decided("acct", "o-1") == Decided(b"{}")
    settle(memory)
    again = PartitionMemory(memory.store)
    assert again.binding("w") == Binding("acct", DAY)
    assert again.wallet("acct", "cash", None) == Wallet("cash", None, Decimal("0.50"))
    assert again.wallet("acct", "coupon", "c") is None
    assert again.decided("acct", "o-1") == Decided(b"{}")


# The changelog


def chunk(memory: PartitionMemory, chance: random.Random, day: int, offset: int) -> Rows:
    """What a chunk may do, by chance."""
    accounts = ["a", "ab", "b"]
    for _ in range(chance.randrange(8)):
        account = chance.choice(accounts)
        names = [str(chance.randrange(40)) for _ in range(chance.randrange(6))]
        claimed(memory, *names, workspace=chance.choice("wxy"), day=day - chance.randrange(3))
        use(memory, day - chance.randrange(3), chance.choice(["logs", "pv"]), account, chance.randrange(100))
        memory.put_wallet(account, Wallet("cash", None, Decimal(chance.randrange(1_000))))
        memory.put_binding(f"w-{account}", Binding(account, day))
        memory.account(account).last_order_day = day
        memory.put_account(memory.account(account))
    if chance.random() < 0.3:
        memory.expire(day - 3)
        memory.drop_identities(chance.randrange(1, 20))
        memory.drop_days(chance.choice(accounts), day - 3)
    memory.put_row(keys.POSITION, Where(offset))
    return settle(memory, offset)


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
    memory, changelog = PartitionMemory(original), Rows()
    for offset in range(1, 25):
        changelog += chunk(memory, chance, DAY + offset // 4, offset)
        if chance.random() < 0.2:
            memory = PartitionMemory(original)  # taken anew
    read_back(plain, changelog, chance)
    assert rows_of(plain) == rows_of(original)
    cut = chance.randrange(len(changelog))
    read_back(short, compacted(changelog[:cut]) + changelog[cut:], chance)
    assert rows_of(short) == rows_of(original)
