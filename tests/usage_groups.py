"""Usage groups of one event, for tests that fold journal records of their own making."""

from schemas.columns import column, ints
from schemas.journal import Evidence, Slot, UsageGroup, encode_evidence, identities, name_prefix

SOURCE = "test"


def identity_of(workspace: str, source: str, name: str) -> bytes:
    """The identity of an event."""
    return identities([name_prefix(workspace) + name_prefix(source) + name.encode()])[0]


def usage_group(
    offset: int, timestamp_ms: int, slot: Slot, workspace: str, quantity: int, time_us: int, name: str
) -> UsageGroup:
    """One event of the source partition `usage`/0."""
    nothing = column(ints([0]))
    return UsageGroup(
        "usage",
        0,
        timestamp_ms,
        offset,
        time_us,
        [slot],
        nothing,
        column(ints([quantity])),
        nothing,
        nothing,
        identity_of(workspace, SOURCE, name),
        encode_evidence(Evidence([SOURCE], [0], [name])),
    )


def usage_of_slots(timestamp_ms: int, slots: list[Slot], workspace: str, quantity: int, time_us: int) -> UsageGroup:
    """One event of each slot, all of one workspace at one instant."""
    numbers, same = list(range(len(slots))), column(ints([0] * len(slots)))
    names = [f"slot-{number}" for number in numbers]
    return UsageGroup(
        "usage",
        0,
        timestamp_ms,
        0,
        time_us,
        slots,
        column(ints(numbers)),
        column(ints([quantity] * len(slots))),
        column(ints(numbers)),
        same,
        b"".join(identity_of(workspace, SOURCE, name) for name in names),
        encode_evidence(Evidence([SOURCE], [0] * len(slots), names)),
    )
