"""The page of an account of which nothing is published yet: it says what will be there, and looks again by itself."""

import asyncio
import json
from pathlib import Path

import pytest

from meter.dashboard.pages import render
from tests.dashboard.page_cases import CASES
from tests.dashboard.served import served


@pytest.mark.parametrize("path", ["/accounts/acme/plans", "/accounts/acme/history", "/accounts/acme/days/2026-01-31"])
def test_an_account_that_will_come_has_a_page_that_says_so(tmp_path: Path, path: str) -> None:
    async def ask() -> None:
        async with served(tmp_path) as dashboard:
            status, _, text = await dashboard.get(path)
            assert status == 404, "programs are told that nothing is there"
            assert "<h1>Nothing yet</h1>" in text
            assert "Nothing is published of account acme yet" in text
            assert "once anything of it is published" in text
            assert 'data-again="3000"' in text, "with scripts"
            assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in text, "and without"
            _, _, found = await dashboard.get(f"{path}.json")
            assert json.loads(found)["title"] == "Nothing yet"

    asyncio.run(ask())


def test_an_address_of_no_page_is_not_waited_for() -> None:
    text = render.page(*CASES["problem"]())
    assert "<h1>Not found</h1>" in text
    assert "refresh" not in text
    assert "data-again" not in text
