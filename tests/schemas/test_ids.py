"""Ids are ASCII and whole; foreign text in sentences is short and escaped."""

import pytest

from schemas.ids import check_id, is_id, shown

GOOD = ["a", "9", "wksp_a", "acct-1", "A.b_c-d", "x" * 64]
BAD = ["", "-a", "_a", ".a", "x" * 65, "a\n", "a/b", "a b", "é", "a\u0661", "\uff41", "a\0"]


@pytest.mark.parametrize("text", GOOD)
def test_an_id_is_an_id(text: str) -> None:
    assert is_id(text)
    assert check_id(text) == text


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_id_is_refused_whole(text: str) -> None:
    assert not is_id(text)
    with pytest.raises(ValueError, match="an id must be 1 to 64"):
        check_id(text)


@pytest.mark.parametrize("thing", [None, 1, True, b"a", ["a"]])
def test_only_a_string_is_an_id(thing: object) -> None:
    assert not is_id(thing)


def test_shown_text_is_short_and_escaped() -> None:
    assert shown("a\nb\u202e") == r"'a\nb\u202e'"
    assert len(shown("\U0001f600" * 1_000_000)) == 80
    assert shown(10**5000) == "<int>"
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert shown(deep) == "<list>"
