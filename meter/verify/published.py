"""The latest published record of each key of a topic, up to the journal offset of the recount.

Every revision is checked while reading: revisions rise, `previous_revision` names the one before, deltas add up to
`overage`. Records older than the compaction lag may be compacted away, but only a key's oldest ones.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec

from meter.verify.differences import Difference
from schemas.ids import shown


class Head(msgspec.Struct):
    """The fields of a published record that its checks need."""

    account: str
    revision: int
    day: str | None = None
    previous_revision: int | None = None
    overage: int | None = None
    delta: int | None = None


@dataclass
class LatestRecord:
    """A key's record with the highest revision below the bound."""

    account: str
    day: str | None
    revision: int
    overage: int | None
    value: bytes


@dataclass
class Published:
    """One topic. `bounds`: partition -> the first journal offset that was not recounted."""

    topic: str
    bounds: Mapping[int, int]
    partition_of: Callable[[str], int]
    latest: dict[str, LatestRecord] = field(default_factory=dict)
    #: Keys with a revision beyond the bound -> partition, account and the highest such revision.
    later: dict[str, tuple[int, str, int]] = field(default_factory=dict)
    #: Those of them whose earlier record may have been compacted away.
    hidden: set[str] = field(default_factory=set)
    differences: list[Difference] = field(default_factory=list)

    def take(self, partition: int, key: str, value: bytes) -> None:
        """The next record of the topic, in the order of its partition."""
        try:
            head = _head(value)
        except msgspec.DecodeError as wrong:
            self._wrong(key, "record", shown(str(wrong)), f"a record of {self.topic}", 0)
            return
        if not key.startswith(f"{head.account}/"):
            self._wrong(key, "account", head.account, key.partition("/")[0], head.revision)
            return
        if self.partition_of(head.account) != partition:
            self._wrong(key, "partition", partition, self.partition_of(head.account), head.revision)
            return
        before = self.latest.get(key)
        if head.revision >= self.bounds.get(partition, 0):
            if before is None and key not in self.later and head.previous_revision != 0:
                self.hidden.add(key)
            _, _, highest = self.later.get(key, (0, "", 0))
            self.later[key] = (partition, head.account, max(highest, head.revision))
            return
        if before is not None and head.revision <= before.revision:
            self._wrong(key, "revision", head.revision, f"more than {before.revision}", head.revision)
            return
        self._follows(key, head, before)
        self.latest[key] = LatestRecord(head.account, head.day, head.revision, head.overage, value)

    def beyond(self, ends: Mapping[int, int]) -> None:
        """Report revisions beyond the journal's end; `ends` were asked after the topic was read."""
        for key, (partition, _, revision) in self.later.items():
            if revision >= ends.get(partition, 0):
                self._wrong(
                    key, "revision", revision, f"less than the journal's end {ends.get(partition, 0)}", revision
                )

    def _follows(self, key: str, head: Head, before: LatestRecord | None) -> None:
        """Whether a revision names the one before it, if it names one."""
        if head.previous_revision is None or head.delta is None or head.overage is None:
            return
        if before is None:
            known = 0 if head.previous_revision == 0 else None
        else:
            known = before.overage
            if head.previous_revision != before.revision:
                self._wrong(key, "previous_revision", head.previous_revision, before.revision, head.revision)
        if known is not None and known + head.delta != head.overage:
            self._wrong(key, "delta", head.delta, head.overage - known, head.revision)

    def _wrong(self, key: str, name: str, published: object, recounted: object, revision: int) -> None:
        self.differences.append(Difference(self.topic, key, name, published, recounted, revision))


_head = msgspec.json.Decoder(Head).decode
