"""A record of an output topic on its way into the read model, and what parts of that there are."""

from typing import NamedTuple

import msgspec


class Published(msgspec.Struct, frozen=True, gc=False):
    """A record; its topic without the prefix. Without a value it is empty: it takes its key away."""

    topic: str
    partition: int
    offset: int
    at_ms: int
    key: bytes
    value: bytes


class Region(NamedTuple):
    """A part of the read model that a batch changed; `account` and `day` are empty where they do not apply."""

    kind: str  # day, records, alerts, budgets, dead_letters
    account: str = ""
    day: str = ""
