"""Identities are a dict from identity to content and day, whatever is packed, indexed, spilled, lost or read again."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest.mock import patch

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings

from meter.batch.store import Store
from schemas.columns import ints
from tables import keys
from tables.identities.identities import Identities
from tables.identities.packed_rows import OtherPacking, Row
from tables.identities.spilled import restored
from tests.simulation.disk import Disk, MemoryStore
from tests.tables.identity_stories import IdentityStep, IdentityStory, identity_stories

DAY = 739_000
#: What is expired in the beginning.
BEFORE = DAY - 1


@contextmanager
def sizes(story: IdentityStory) -> Iterator[None]:
    """The sizes of a story in place of the real ones."""
    names = {
        "tables.identities.index.FINGERPRINT_BITS": story.fingerprint_bits,
        "tables.identities.index.YOUNG": story.young,
        "tables.identities.packed_rows.PACKED_IDENTITIES": story.packed,
        "tables.identities.packed_rows.ROWS_KEPT_BYTES": story.kept_bytes,
        "tables.identities.known.INDEX_BYTES": story.index_bytes,
        "tables.identities.known.SPILL_IDENTITIES": story.spilled,
        "tables.identities.known.SEARCHED_AT_ONCE": story.searched,
    }
    with ExitStack() as stack:
        for name, value in names.items():
            stack.enter_context(patch(name, value))
        yield


class Model:
    """What an identity is claimed with, and for which day."""

    def __init__(self) -> None:
        self.claims: dict[bytes, tuple[bytes, int]] = {}
        self.expired_through = BEFORE

    def claim(self, name: bytes, content: bytes, day: int) -> bytes | None:
        found = self.claims.get(name)
        if found is None or found[1] <= self.expired_through:
            self.claims[name] = (content, day)
            return None
        return found[0]

    def known(self) -> int:
        return sum(day > self.expired_through for _, day in self.claims.values())

    def copy(self) -> "Model":
        again = Model()
        again.claims, again.expired_through = dict(self.claims), self.expired_through
        return again


class Played:
    """Identities, the model beside them, what is committed of both, and the changelog."""

    def __init__(self) -> None:
        self.disk = Disk()
        self.changelog: list[Row] = []
        self.offset = 0
        self.model, self.committed = Model(), Model()
        self.take()

    def take(self) -> None:
        """Take the partition: what is not committed is gone."""
        self.store = MemoryStore(self.disk)
        at = int.from_bytes(self.store.get(keys.CHANGELOG) or b"", "big")
        self.store.write([*restored(self.changelog[at:], self.store), self._position()])
        self.model = self.committed.copy()
        self.identities = Identities(self.store, self.model.expired_through)

    def _position(self) -> Row:
        return keys.CHANGELOG, len(self.changelog).to_bytes(8, "big")

    def claim(self, step: IdentityStep) -> None:
        """Claim as told; days that are expired have gone by."""
        first = self.model.expired_through + 1
        days = [first, first + 1, first + 2]
        events = step.events
        found = self.identities.claim(
            days,
            ints([slot for _, _, slot in events]),
            b"".join(name for name, _, _ in events),
            b"".join(content for _, content, _ in events),
        )
        expected = [self.model.claim(name, content, days[slot]) for name, content, slot in events]
        assert found == {event: content for event, content in enumerate(expected) if content is not None}
        assert list(found) == sorted(found)

    def end(self) -> None:
        """The chunk is over and committed."""
        self.offset += 1
        rows = list(self.identities.changes(self.offset))
        self.changelog += rows
        self.store.write([*rows, *self.identities.committed(), self._position()])
        self.committed = self.model.copy()

    def expire(self, step: IdentityStep) -> None:
        self.model.expired_through += step.number
        self.identities.expire(self.model.expired_through)

    def drop(self, step: IdentityStep) -> None:
        self.identities.drop(step.number)

    def crash(self, step: IdentityStep) -> None:
        """The worker dies; of what it wrote some is lost."""
        del self.disk.batches[max(0, len(self.disk.batches) - step.number) :]
        self.take()

    def restore(self) -> None:
        """The store is lost, and the changelog compacted."""
        self.disk.lose()
        last = {key: number for number, (key, _) in enumerate(self.changelog)}
        self.changelog = [row for number, row in enumerate(self.changelog) if last[row[0]] == number]
        self.take()

    def step(self, step: IdentityStep) -> None:
        match step.kind:
            case "claim":
                self.claim(step)
            case "expire":
                self.expire(step)
            case "drop":
                self.drop(step)
            case "end":
                self.end()
            case "crash":
                self.crash(step)
            case "restore":
                self.restore()
        assert len(self.identities) == self.model.known()

    def all_are_known(self) -> None:
        """Every identity, asked last."""
        for name in sorted(self.model.claims):
            self.claim(IdentityStep("claim", [(name, b"question", 0)]))

    def nothing_is_left(self) -> None:
        """Once all has expired and is dropped."""
        self.end()
        self.expire(IdentityStep("expire", number=10))
        while self.identities.drop(3):
            self.end()
        self.end()
        assert set(self.store.rows) <= {keys.CHANGELOG, keys.SPILLED}


@given(identity_stories())
@settings(deadline=None)
def test_identities_are_what_a_dict_remembers(story: IdentityStory) -> None:
    with sizes(story):
        played = Played()
        for step in story.steps:
            played.step(step)
        played.all_are_known()
        played.nothing_is_left()


# One by one


def claimed(identities: Identities, names: Sequence[bytes], day: int = DAY) -> list[int]:
    """Claim identities for a day; the numbers of those that were not free."""
    return list(identities.claim([day], ints([0] * len(names)), b"".join(names), b"content." * len(names)))


def end(store: Store, identities: Identities, offset: int) -> list[Row]:
    """End a chunk; its rows of the changelog."""
    rows = list(identities.changes(offset))
    store.write([*rows, *identities.committed()])
    return rows


def names(count: int, seed: int = 0) -> list[bytes]:
    drawn = np.random.default_rng(seed).bytes(16 * count)
    return [drawn[16 * number : 16 * number + 16] for number in range(count)]


def kinds(store: Store) -> Counter[bytes]:
    return Counter(key[:1] for key, _ in store.scan(b""))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "store")
    yield opened
    opened.close()


def test_a_chunk_writes_a_row_a_day_and_none_for_each_identity(store: Store) -> None:
    identities = Identities(store, BEFORE)
    claimed(identities, names(900))
    claimed(identities, names(900, seed=1))
    claimed(identities, names(5, seed=2), DAY + 1)
    assert [key for key, _ in end(store, identities, 7)] == [keys.packed(DAY, 7, 0), keys.packed(DAY + 1, 7, 0)]
    assert kinds(store) == {keys.PACKED: 2}


def test_what_the_index_may_not_hold_is_spilled_oldest_first_and_still_known(store: Store) -> None:
    known = [names(500, seed) for seed in range(8)]
    with patch.multiple("tables.identities.known", INDEX_BYTES=20_000, SPILL_IDENTITIES=700):
        identities = Identities(store, BEFORE)
        for offset, some in enumerate(known):
            claimed(identities, some, DAY + offset % 2)
            end(store, identities, offset)
        assert 1_500 <= kinds(store)[keys.IDENTITY] <= 3_000
        for again in (identities, Identities(store, BEFORE)):
            assert [len(claimed(again, some)) for some in known] == [500] * 8
        identities.expire(DAY)
        while identities.drop(1_000):
            end(store, identities, 9)
        assert kinds(store)[keys.PACKED] == 4
        assert [len(claimed(identities, some, DAY + 2)) for some in known] == [0, 500] * 4


def test_a_store_that_was_never_spilled_is_when_it_opens(store: Store) -> None:
    known = [names(500, seed) for seed in range(8)]
    identities = Identities(store, BEFORE)
    for offset, some in enumerate(known):
        claimed(identities, some, DAY + offset % 2)
        end(store, identities, offset)
    assert keys.IDENTITY not in kinds(store)
    with patch.multiple("tables.identities.known", INDEX_BYTES=20_000, SPILL_IDENTITIES=700):
        for _ in range(2):
            identities = Identities(store, BEFORE)
            assert 1_500 <= kinds(store)[keys.IDENTITY] <= 3_000
            assert [len(claimed(identities, some)) for some in known] == [500] * 8


def test_rows_of_one_identity_are_found_too(store: Store) -> None:
    known = names(300)
    identities = Identities(store, BEFORE)
    for offset, name in enumerate(known):
        assert claimed(identities, [name]) == []
        end(store, identities, offset)
    for again in (identities, Identities(store, BEFORE)):
        assert claimed(again, [*known, *names(10, seed=1), *known]) == [*range(300), *range(310, 610)]


def test_identities_as_an_earlier_version_packed_them_are_refused(store: Store) -> None:
    earlier = msgspec.msgpack.encode([b"i" + names(1)[0], b"content." + DAY.to_bytes(4, "big")])
    with pytest.raises(OtherPacking):
        list(restored([(keys.packed(DAY, 1, 0), earlier)], store))


def test_one_claimed_again_for_a_later_day_stays_when_its_first_day_is_dropped(store: Store) -> None:
    with patch.multiple("tables.identities.known", INDEX_BYTES=0, SPILL_IDENTITIES=1):
        identities = Identities(store, BEFORE)
        claimed(identities, names(3))
        end(store, identities, 1)
        end(store, identities, 2)
        assert kinds(store)[keys.IDENTITY] == 3
        identities.expire(DAY)
        assert claimed(identities, names(3)[:1], DAY + 1) == []
        end(store, identities, 3)
        end(store, identities, 4)
        assert identities.drop(10) == 3
        end(store, identities, 5)
        assert kinds(store)[keys.IDENTITY] == 1
        assert claimed(identities, names(3), DAY + 1) == [0]


def test_a_deletion_in_the_changelog_takes_what_was_spilled_here(store: Store) -> None:
    with patch.multiple("tables.identities.known", INDEX_BYTES=0, SPILL_IDENTITIES=1):
        identities = Identities(store, BEFORE)
        for offset, day in enumerate((DAY, DAY + 1)):
            claimed(identities, names(3, seed=day), day)
            end(store, identities, offset)
        end(store, identities, 2)
        assert kinds(store)[keys.IDENTITY] == 6
        store.write(restored([(keys.packed(DAY, 0, 0), None)], store))
        assert kinds(store) == {keys.PACKED: 1, keys.IDENTITY: 3, keys.SPILLED[:1]: 1}
        assert len(claimed(Identities(store, DAY), names(3, seed=DAY + 1))) == 3
