"""A record of an output topic on its way into the read model, and the model's regions."""

from typing import NamedTuple

import msgspec


class Published(msgspec.Struct, frozen=True, gc=False):
    """A record; `topic` has no prefix. An empty value deletes the key."""

    topic: str
    partition: int
    offset: int
    at_ms: int
    key: bytes
    value: bytes


class Region(NamedTuple):
    """A part of the read model that a batch changed; `account` and `day` are empty if they do not apply."""

    kind: str  # day, records, alerts, budgets, dead_letters
    account: str = ""
    day: str = ""
