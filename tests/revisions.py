"""The laws of SPEC section 9 over a whole topic: what a reader may rely on without knowing any figure.

Each function takes records in the order of their partitions and answers sentences, none is good news.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

#: Fields that make no revision of their own.
SILENT = ("revision", "previous_revision", "delta", "cause", "restated")


class Record(Protocol):
    """A record of an output topic."""

    @property
    def partition(self) -> int: ...
    @property
    def key(self) -> str: ...
    @property
    def value(self) -> dict[str, Any]: ...


def by_key(records: Iterable[Record]) -> dict[str, list[dict[str, Any]]]:
    """Contents of each key, in order."""
    found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in records:
        found[record.key].append(record.value)
    return dict(found)


def latest(records: Iterable[Record]) -> dict[str, dict[str, Any]]:
    """For each key the content of the highest revision: all that a reader has to keep."""
    return {key: max(values, key=lambda value: value["revision"]) for key, values in by_key(records).items()}


def each_revision_once_and_in_order(records: Iterable[Record]) -> list[str]:
    """For readers of committed records: revisions of a key rise, from 1 at the least."""
    found = []
    for key, values in by_key(records).items():
        revisions = [value["revision"] for value in values]
        if revisions != sorted(set(revisions)) or revisions[0] < 1:
            found.append(f"{key}: the revisions are {revisions}")
    return found


def one_content_for_a_revision(records: Iterable[Record]) -> list[str]:
    """For readers of uncommitted records: repeats are repeats."""
    known: dict[tuple[str, int], Mapping[str, Any]] = {}
    found = []
    for record in records:
        first = known.setdefault((record.key, record.value["revision"]), record.value)
        if first != record.value:
            found.append(f"{record.key}: one revision, two contents: {first} and {record.value}")
    return found


def deltas_add_up(records: Iterable[Record]) -> list[str]:
    """Over the revisions of a key `delta` makes `overage`, and `previous_revision` shows no gap."""
    found = []
    for key, values in by_key(records).items():
        total, before = 0, 0
        for value in values:
            total += value["delta"]
            if total != value["overage"]:
                found.append(f"{key}: at {value['revision']} the deltas make {total}, overage is {value['overage']}")
                break
            if value["previous_revision"] != before:
                found.append(f"{key}: {value['revision']} follows {before}, it says {value['previous_revision']}")
                break
            before = value["revision"]
    return found


def every_revision_changes_something(records: Iterable[Record]) -> list[str]:
    """A key is published only if its content differs from the last in more than the silent fields."""
    found = []
    for key, values in by_key(records).items():
        contents = [{name: part for name, part in value.items() if name not in SILENT} for value in values]
        for before, after, value in zip(contents, contents[1:], values[1:], strict=False):
            if before == after:
                found.append(f"{key}: {value['revision']} says what was said before")
    return found


def keys_keep_their_partition(records: Iterable[Record], partitions: int) -> list[str]:
    """A record goes to its account's partition; the account is what a key begins with."""
    found = []
    for record in records:
        right = (murmur2(record.key.split("/")[0].encode()) & 0x7FFFFFFF) % partitions
        if record.partition != right:
            found.append(f"{record.key}: in partition {record.partition}, should be in {right}")
    return found


def murmur2(content: bytes) -> int:
    """The hash of Kafka's Java partitioner, as an unsigned number (from its description: Appleby's MurmurHash2)."""
    multiplier, mask = 0x5BD1E995, 0xFFFFFFFF
    value = (0x9747B28C ^ len(content)) & mask
    whole = len(content) // 4 * 4
    for start in range(0, whole, 4):
        word = int.from_bytes(content[start : start + 4], "little") * multiplier & mask
        word = (word ^ word >> 24) * multiplier & mask
        value = value * multiplier & mask ^ word
    if whole < len(content):
        value = (value ^ int.from_bytes(content[whole:], "little")) * multiplier & mask
    value = (value ^ value >> 13) * multiplier & mask
    return value ^ value >> 15
