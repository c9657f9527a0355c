"""Workspaces: a record names the workspace, its account and its tier."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.reasons import DeadReason
from schemas.record import Unreadable
from schemas.workspaces import TierRecord, read_with_care, workspace_from_json


def test_a_workspace_is_read() -> None:
    found = workspace_from_json(b'{"workspace":"wksp_a","account":"acct_1","tier":"free","since":null}')
    assert (found.workspace, found.account, found.tier) == ("wksp_a", "acct_1", "free")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", DeadReason.NOT_JSON),
        (b"[]", DeadReason.INVALID_FIELD),
        (b"{}", DeadReason.INVALID_FIELD),
        (b'{"workspace":"wksp_a","account":"acct_1","tier":"FREE"}', DeadReason.INVALID_FIELD),
        (b'{"workspace":"wksp_a","account":null,"tier":"free"}', DeadReason.INVALID_FIELD),
        (b'{"workspace":"wksp/a","account":"acct_1","tier":"free"}', DeadReason.INVALID_FIELD),
        (b'{"workspace":7,"account":"acct_1","tier":"free"}', DeadReason.INVALID_FIELD),
    ],
)
def test_anything_else_is_unreadable(content: bytes, reason: DeadReason) -> None:
    with pytest.raises(Unreadable) as found:
        workspace_from_json(content)
    assert found.value.reason is reason


def what(read: Callable[[bytes], TierRecord], value: bytes) -> TierRecord | tuple[DeadReason, str]:
    """What a reader makes of a value."""
    try:
        return read(value)
    except Unreadable as wrong:
        return wrong.reason, str(wrong)


_VALUES = st.one_of(
    st.sampled_from(["w", "a-1", "", "-x", "é", "w\n", "free", "commercial", "Free", "x" * 65]),
    st.none(),
    st.integers(),
    st.lists(st.integers(), max_size=2),
)
_PAIRS = st.tuples(st.sampled_from(["workspace", "account", "tier", "more"]), _VALUES)
_MEMBERS = st.lists(_PAIRS, max_size=6)
_GOOD: list[tuple[str, Any]] = [("workspace", "w"), ("account", "a"), ("tier", "free")]
_CHANGES = [b"%b", b" %b\n", b"%b,", b"%b{}", b"[%b]", b"%b\x00", b"\xef\xbb\xbf%b", b"%b1", b"%b\xff"]


@settings(max_examples=300)
@given(
    _MEMBERS,
    st.booleans(),
    st.sampled_from(_CHANGES),
    st.sampled_from(["", '"more":NaN', '"more":1e999', '"w":"\\ud800"']),
)
def test_every_record_is_read_as_it_is_with_care(
    members: list[tuple[str, Any]], good: bool, change: bytes, raw: str
) -> None:
    pairs = [f"{json.dumps(name)}:{json.dumps(value)}" for name, value in [*members, *(_GOOD if good else ())]]
    value = change % ("{" + ",".join([*pairs, *([raw] if raw else [])]) + "}").encode()
    assert what(workspace_from_json, value) == what(read_with_care, value)
