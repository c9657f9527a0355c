"""An open page keeps itself up to date, and keeps what its reader does: focus, scroll, selection, what is opened."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dashboard.live_board import Board, figures
from tests.dashboard.page_models import MILLION

NAMES = [f"w{place}" for place in range(30)]
LIVE = '[data-live="on"]'


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    """A dashboard with one account."""
    with Board(tmp_path) as started:
        before(started)
        yield started


def before(board: Board) -> None:
    """Staging has used 100 M of a quota of 150 M; 30 workspaces share another item."""
    board.feed(*figures("acme", board.today, "logs", 150 * MILLION, {"acme-staging": 100 * MILLION}, "acme-staging"))
    shared = dict.fromkeys(NAMES, MILLION)
    board.feed(*figures("acme", board.today, "traces", 400 * MILLION, shared, "w0"))


def production_reports(board: Board) -> None:
    """The worked example happens: production comes first, so staging is over by 50 M."""
    usages = {"acme-prod": 100 * MILLION, "acme-staging": 100 * MILLION}
    board.feed(*figures("acme", board.today, "logs", 150 * MILLION, usages, "acme-prod"))


def opened(open_page: Any, board: Board, **more: Any) -> Any:
    """The day of the account, live."""
    page = open_page(**more)
    page.goto(f"{board.address}/accounts/acme/days/{board.today}")
    page.wait_for_selector(LIVE)
    return page


def test_the_worked_example_happens_on_an_open_page(open_page: Any, board: Board) -> None:
    page = opened(open_page, board)
    assert page.locator(".due").inner_text().startswith("0.00")
    production_reports(board)
    page.wait_for_selector(".due >> text=75.00")
    feed = " ".join(page.locator(".feed li").first.inner_text().split())
    assert "acme-prod reported" in feed
    assert "acme-staging logs over" in feed
    assert "50 M, +75.00, although it sent nothing" in feed
    assert page.locator("#item-logs .fact-over").inner_text().endswith("50 M")


def test_a_page_is_live_however_slowly_its_scripts_come(open_page: Any, board: Board) -> None:
    page = open_page()
    held: list[Any] = []
    page.route("**/*hx-sse*", lambda route: held.append(route))
    page.goto(f"{board.address}/accounts/acme/days/{board.today}", wait_until="commit")
    board.until("the script is asked for", lambda: held, lambda: page.wait_for_timeout(20))
    page.wait_for_timeout(300)  # htmx itself has come and been run
    held[0].continue_()
    page.wait_for_selector(LIVE)


def test_focus_scroll_selection_and_what_is_open_stay(open_page: Any, board: Board) -> None:
    page = opened(open_page, board, viewport={"width": 1000, "height": 500})
    page.locator("#item-traces > summary").focus()
    if page.locator("#item-traces").get_attribute("open") is None:
        page.keyboard.press("Enter")
    row = page.locator("#w-traces-w20 th a")
    row.scroll_into_view_if_needed()
    row.focus()
    page.evaluate("getSelection().selectAllChildren(document.querySelector('#w-traces-w21 th'))")
    where = page.evaluate("scrollY")
    assert where > 200
    board.feed(*figures("acme", board.today, "traces", 400 * MILLION, dict.fromkeys(NAMES, 2 * MILLION), "w1"))
    page.wait_for_selector('#w-traces-w20 data[value="2000000"]')
    assert page.evaluate("document.activeElement.closest('tr').id") == "w-traces-w20"
    assert page.evaluate("getSelection().toString()").strip() == "w21"
    assert page.evaluate("scrollY") == where
    assert page.locator("#item-traces").get_attribute("open") is not None


def test_an_item_that_comes_later_finds_its_place(open_page: Any, board: Board) -> None:
    page = opened(open_page, board)
    board.feed(*figures("acme", board.today, "pv", 400_000, {"acme-prod": 210_000}, "acme-prod"))
    page.wait_for_selector("#item-pv")
    assert page.locator("#items > details").count() == 3


def test_an_open_list_of_accounts_gets_the_new_one(open_page: Any, board: Board) -> None:
    page = open_page()
    page.goto(f"{board.address}/?search=e")
    page.wait_for_selector(LIVE)
    page.fill("#search", "typed and not yet sent")
    board.feed(*figures("newer", board.today, "logs", MILLION, {"n": 3 * MILLION}, "n"))
    page.wait_for_selector("#account-newer")
    assert page.input_value("#search") == "typed and not yet sent"


def test_an_open_page_survives_a_restart_of_the_dashboard(open_page: Any, tmp_path: Path) -> None:
    with Board(tmp_path) as first:
        before(first)
        page = opened(open_page, first)
        port = first.settings.dashboard_port
    page.wait_for_selector('[data-live="off"]')
    with Board(tmp_path, port) as second:
        production_reports(second)
        page.wait_for_selector(".due >> text=75.00")
        page.wait_for_selector(LIVE)


def test_a_page_that_nobody_looks_at_ends_its_stream(open_page: Any, board: Board) -> None:
    page = opened(open_page, board)
    assert board.streams() == 1
    page.goto("about:blank")
    board.until("the stream has ended", lambda: board.streams() == 0, lambda: production_reports(board))
