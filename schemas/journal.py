"""The journal's records: what the intake gathered, and the facts that steer the fold.

Usage is packed in columns: what repeats is in a table once (`slots`, `named`), what the fold needs of every event is a
column, and what it needs only for conflicts and corrections stays packed in `evidence`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

import msgspec

from schemas.columns import Ints, digests, ints, unpacked, word, words
from schemas.rows import Fact, Row

#: Bytes of an event's identity, and of the digest of its content.
IDENTITY_BYTES = 16
CONTENT_BYTES = 8
#: A journal record is at most this long (before compression). It is the atom of the fold: the more it holds, the less
#: often a cell is settled. The topic takes batches of 2 MiB (`meter.kafka.topics`).
RECORD_LIMIT_BYTES = 7 * 256 * 1024


class Named(Fact, frozen=True, gc=False):
    """A workspace named in a record, with the account and first commercial day (or rows.NEVER) that the intake knew."""

    workspace: str
    account: str
    commercial: int


class Slot(Fact, frozen=True, gc=False):
    """What events of a group share; `named`: an index into `Gathered.named`."""

    named: int
    item: str
    retention: int
    day: int
    corrected: bool


class UsageGroup(Row, tag="u"):
    """Usage of one source partition, in source order.

    Event i, of the columns' integers: `slots[slot[i]]`, `quantity[i]`, source offset `first_offset + offset[i]`,
    instant `since_us + after_us[i]` (µs since 1970), identity `identities[16 i : 16 i + 16]`. `evidence` packs an
    `Evidence`.
    """

    topic: str
    partition: int
    timestamp_ms: int
    first_offset: int
    since_us: int
    slots: list[Slot]
    slot: bytes
    quantity: bytes
    offset: bytes
    after_us: bytes
    identities: bytes
    evidence: bytes

    def events(self) -> "Events":
        """Its events, unpacked."""
        return Events(
            unpacked(self.slot),
            unpacked(self.quantity),
            unpacked(self.offset) + self.first_offset,
            unpacked(self.after_us) + self.since_us,
            self.identities,
        )

    def __len__(self) -> int:
        return len(self.identities) // IDENTITY_BYTES


@dataclass(frozen=True, slots=True)
class Events:
    """Events as arrays of one length: slot, quantity, source offset, instant (µs since 1970); 16 bytes of identity."""

    slot: Ints
    quantity: Ints
    offset: Ints
    time_us: Ints
    identities: bytes

    def __len__(self) -> int:
        return len(self.slot)

    def at(self, chosen: Sequence[int]) -> "Events":
        """Some of the events, in this order."""
        places, cut = ints(chosen), IDENTITY_BYTES
        identities = b"".join([self.identities[event * cut : (event + 1) * cut] for event in chosen])
        return Events(self.slot[places], self.quantity[places], self.offset[places], self.time_us[places], identities)

    def contents(self, slots: Sequence[Slot]) -> bytes:
        """Digests of the events' contents, 8 bytes each: equal identities with other digests are conflicts."""
        kinds = words([_kind(slot.retention, slot.corrected, slot.item) for slot in slots])
        return digests(kinds[self.slot], self.time_us, self.quantity)


@lru_cache(1 << 14)
def _kind(retention: int, corrected: bool, item: str) -> int:
    """The part of an event's content that is in its slot, as a word."""
    return word(b"%d %d %b" % (retention, corrected, item.encode()))


class Evidence(Row):
    """Source (an index into `sources`) and id of each event."""

    sources: list[str]
    source: list[int]
    ids: list[str]

    def source_of(self, event: int) -> str:
        return self.sources[self.source[event]]


def name_prefix(name: str) -> bytes:
    """A workspace or source as part of an identity, with its length before it: `a/b` + `c` is not `a` + `b/c`."""
    encoded = name.encode()
    return b"%d:%b" % (len(encoded), encoded)


_EMPTY = blake2b(digest_size=IDENTITY_BYTES)


def identities(named: Iterable[bytes]) -> list[bytes]:
    """Identities of names (`name_prefix` of workspace and source, then the id)."""
    found, begun = [], _EMPTY.copy  # takes two thirds of the time of a new one
    for name in named:
        digest = begun()
        digest.update(name)
        found.append(digest.digest())
    return found


class OrderEntry(Fact, frozen=True):
    """One valid order, as canonical JSON of its known fields."""

    offset: int
    timestamp_ms: int
    day: int
    content: bytes


class OrderGroup(Row, tag="o"):
    """Orders of one source partition, in source order."""

    topic: str
    partition: int
    entries: list[OrderEntry]


class BindingEntry(Fact, frozen=True):
    """A record of `workspaces` that changed something; `named`: an index into `Gathered.named`."""

    offset: int
    timestamp_ms: int
    named: int


class BindingGroup(Row, tag="w"):
    """Bindings of one source partition, in source order."""

    topic: str
    partition: int
    entries: list[BindingEntry]


class Gathered(Row, tag="gathered"):
    """What the intake gathered for one journal partition since its last write, groups in order of arrival."""

    named: list[Named]
    groups: list[UsageGroup | OrderGroup | BindingGroup]


class Opening(Fact, frozen=True, tag="opening"):
    """The first record of every journal partition: the facts that no file may change.

    `meter_id` and `opened_ms` (LogAppendTime of the one in partition 0) are the same in all partitions;
    `catalogue` is the catalog's canonical JSON.
    """

    meter_id: str
    time_zone: str
    currency: str
    partitions: int
    close_grace_seconds: int
    restatement_horizon_days: int
    catalog: bytes
    opened_ms: int = 0


class CatalogVersion(Fact, frozen=True, tag="catalogue"):
    """A new dated version (canonical JSON) and, in copies, offset and LogAppendTime of partition 0's entry."""

    version: bytes
    decided_offset: int = -1
    decided_ms: int = 0


class DayClosed(Fact, frozen=True, tag="closed"):
    """A billing day and its grace have ended, and everything that reached Kafka by then is before this entry.

    Closes what comes after `cursor`, an account ("" = from the first) or, inside of one, `account/workspace`: a slice
    an entry, which ends once `items` of workspaces are stated. 0, as of earlier versions: it ends between accounts.
    """

    day: int
    cursor: str = ""
    items: int = 0


class DayExpired(Fact, frozen=True, tag="expired"):
    """A billing day can change no more; its rows go, a slice an entry, after `cursor`."""

    day: int
    cursor: str = ""


JournalRecord = Gathered | Opening | CatalogVersion | DayClosed | DayExpired

encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(JournalRecord).decode
encode_evidence = encode
decode_evidence = msgspec.msgpack.Decoder(Evidence).decode

#: How a catalog version's record goes on after its first byte (an array of at most 15 parts): its tag.
_CATALOG_TAG = msgspec.msgpack.encode("catalogue")


def announces(value: bytes) -> bool:
    """Whether a record is a catalog version, by its tag, without decoding it."""
    return value[1 : 1 + len(_CATALOG_TAG)] == _CATALOG_TAG
