"""Workspaces: a record names the workspace, its account and its tier."""

import pytest

from schemas.reasons import DeadReason
from schemas.record import Unreadable
from schemas.workspaces import workspace_from_json


def test_a_workspace_is_read() -> None:
    told = workspace_from_json(b'{"workspace":"wksp_a","account":"acct_1","tier":"free","since":null}')
    assert (told.workspace, told.account, told.tier) == ("wksp_a", "acct_1", "free")


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
    with pytest.raises(Unreadable) as told:
        workspace_from_json(content)
    assert told.value.reason is reason
