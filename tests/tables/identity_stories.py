"""Stories of identities: claimed, expired, dropped, lost and read again; few identities, close to each other."""

from collections.abc import Sequence
from typing import NamedTuple

from hypothesis import strategies as st

#: Identities (16 bytes) that differ in either half, or in the last bit of one.
IDENTITIES = [
    first + second
    for first in (b"\0" * 8, b"\1" + b"\0" * 7, b"\0" * 7 + b"\xff")
    for second in (b"\0" * 8, b"\0" * 7 + b"\1")
]
CONTENTS = (b"content1", b"content2")


class IdentityStep(NamedTuple):
    """Claim events (identity, content, slot), end the chunk, expire or drop so many, crash and lose so many writes."""

    kind: str
    events: Sequence[tuple[bytes, bytes, int]] = ()
    number: int = 0


class IdentityStory(NamedTuple):
    """Steps, and sizes so small that the steps reach them."""

    steps: list[IdentityStep]
    fingerprint_bits: int
    young: int
    packed: int
    kept_bytes: int
    index_bytes: int
    spilled: int
    searched: int


#: Chunks of one claim are the most frequent; the number of the others is a small one.
KINDS = ("chunk",) * 6 + ("claim", "claim", "expire", "expire", "drop", "drop", "crash", "crash", "restore")


@st.composite
def identity_steps(draw: st.DrawFn) -> list[IdentityStep]:
    """One step, or a claim with the end of its chunk."""
    kind = draw(st.sampled_from(KINDS))
    if kind not in ("chunk", "claim"):
        return [IdentityStep(kind, number=draw(st.integers(0, 2)))]
    event = st.tuples(st.sampled_from(IDENTITIES), st.sampled_from(CONTENTS), st.integers(0, 2))
    claim = IdentityStep("claim", draw(st.lists(event, min_size=1, max_size=4)))
    return [claim, IdentityStep("end")] if kind == "chunk" else [claim]


@st.composite
def identity_stories(draw: st.DrawFn) -> IdentityStory:
    """Chunks over some days, some of which expire, with crashes and restores among them."""
    parts = draw(st.lists(identity_steps(), min_size=4, max_size=20))
    few = st.sampled_from([1, 3, 100_000])
    return IdentityStory(
        [step for part in parts for step in part],
        draw(st.sampled_from([1, 3, 40])),
        draw(few),
        draw(few),
        draw(few),
        draw(st.sampled_from([0, 60, 100, 100_000])),
        draw(few),
        draw(few),
    )
