"""The journal's records: what the intake gathered, and the facts that steer the fold.

Packed in columns: what repeats stands once in a table (`slots`, `bindings`), what the fold needs of every
event is a flat list, and what it needs only for a conflict or a correction waits, still packed, in `evidence`.
"""

import msgspec

from schemas.rows import Fact, Row

#: Bytes of an event in `UsageGroup.keys`: its identity (16) and its content (8).
IDENTITY_BYTES = 16
CONTENT_BYTES = 8
KEY_BYTES = IDENTITY_BYTES + CONTENT_BYTES
#: A journal record is at most this long (before compression): it is the atom of the fold.
RECORD_LIMIT_BYTES = 512 * 1024


class Named(Fact, frozen=True, gc=False):
    """A workspace named in a record, with what the intake knew of it: `commercial` may be rows.NEVER."""

    workspace: str
    account: str
    commercial: int


class Slot(Fact, frozen=True, gc=False):
    """What events of a group have in common; `named` is an index into `Gathered.named`."""

    named: int
    item: str
    retention: int
    day: int
    corrected: bool


class UsageGroup(Row, tag="u"):
    """Usage of one source partition, in source order.

    Event i: `slots[slot[i]]`, `quantity[i]`, source offset `first_offset + offset[i]`,
    `keys[24 i : 24 i + 24]` = identity and content digest. `evidence` packs an `Evidence`.
    """

    topic: str
    partition: int
    timestamp_ms: int
    first_offset: int
    slots: list[Slot]
    slot: list[int]
    quantity: list[int]
    offset: list[int]
    keys: bytes
    evidence: bytes


class Evidence(Row):
    """What tells an event apart: its source (an index into `sources`), its id, and its instant.

    `after_us`: µs after `since_us` (µs since 1970), which keeps them short.
    """

    sources: list[str]
    source: list[int]
    ids: list[str]
    since_us: int
    after_us: list[int]

    def time_us(self, event: int) -> int:
        """The instant of an event, in µs since 1970."""
        return self.since_us + self.after_us[event]


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
    """A `workspaces` record that told something new: `named` is an index into `Gathered.named`."""

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
    `catalogue` is the catalogue's canonical JSON.
    """

    meter_id: str
    time_zone: str
    currency: str
    partitions: int
    close_grace_seconds: int
    restatement_horizon_days: int
    catalogue: bytes
    opened_ms: int = 0


class CatalogueVersion(Fact, frozen=True, tag="catalogue"):
    """A new dated version (canonical JSON) and, in copies, offset and LogAppendTime of partition 0's entry."""

    version: bytes
    decided_offset: int = -1
    decided_ms: int = 0


class DayClosed(Fact, frozen=True, tag="closed"):
    """A billing day has ended, grace included, and all that reached Kafka by then stands before this entry.

    Closes accounts after `cursor` ("" = from the first), a slice an entry.
    """

    day: int
    cursor: str = ""


class DayExpired(Fact, frozen=True, tag="expired"):
    """A billing day can change no more; its rows go, a slice an entry, after `cursor`."""

    day: int
    cursor: str = ""


JournalRecord = Gathered | Opening | CatalogueVersion | DayClosed | DayExpired

encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(JournalRecord).decode
encode_evidence = encode
decode_evidence = msgspec.msgpack.Decoder(Evidence).decode

#: How a catalogue version's record goes on after its first byte (an array of at most 15 parts): its tag.
_CATALOGUE_TAG = msgspec.msgpack.encode("catalogue")


def announces(value: bytes) -> bool:
    """Whether a record is a catalogue version, told by its tag: whoever only looks for those reads no others."""
    return value[1 : 1 + len(_CATALOGUE_TAG)] == _CATALOGUE_TAG
