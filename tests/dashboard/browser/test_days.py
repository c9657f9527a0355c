"""An open page while its day ends, and days of 23 and 25 hours, as a person sees them."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meter.rules.billing_days import parse_time
from tests.dashboard.live_board import Board, figures, record
from tests.dashboard.page_models import MILLION

DAY, NEXT = "2026-01-31", "2026-02-01"
LIVE = '[data-live="on"]'


class Clock:
    """The clock of this process: it goes on from where it is set."""

    def __init__(self) -> None:
        self._real = time.time_ns
        self._ahead = 0

    def set(self, text: str) -> None:
        self._ahead = parse_time(text) * 1000 - self._real()

    def __call__(self) -> int:
        return self._real() + self._ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(time, "time_ns", found)
    return found


@pytest.fixture
def board(clock: Clock, tmp_path: Path) -> Iterator[Board]:
    """A dashboard ten minutes before midnight in Shanghai; its account is over by 50 M."""
    clock.set(f"{DAY}T23:50:00+08:00")  # the clock goes on while a busy machine opens a browser
    with Board(tmp_path) as started:
        used(started, DAY, {"acme-prod": 100 * MILLION, "acme-staging": 100 * MILLION})
        yield started


def used(board: Board, day: str, usages: dict[str, int]) -> None:
    board.feed(*figures("acme", day, "logs", 150 * MILLION, usages, "acme-prod"))


def opened(open_page: Any, board: Board, path: str) -> Any:
    page = open_page()
    page.goto(f"{board.address}{path}")
    page.wait_for_selector(LIVE)
    return page


def test_midnight_passes_under_an_open_day(open_page: Any, board: Board, clock: Clock) -> None:
    page = opened(open_page, board, f"/accounts/acme/days/{DAY}")
    assert "The day is running. It closes on 1 February 2026 at 01:00" in page.locator(".may-change").inner_text()
    assert page.locator(f"#strip-{NEXT}").count() == 0
    clock.set(f"{NEXT}T00:00:01+08:00")
    page.wait_for_selector(f"#strip-{NEXT}")
    page.wait_for_selector(".may-change >> text=The day has ended. It closes on 1 February 2026 at 01:00")
    assert page.locator(".day-line .state").inner_text() == "open", "until its grace is over its figures are not stated"
    used(board, NEXT, {"acme-prod": 200 * MILLION})
    page.wait_for_selector(f'#strip-{NEXT} a[title*="75.00"]')
    assert page.locator(".due").inner_text().startswith("75.00")
    assert page.locator("#item-logs .fact-over").inner_text().endswith("50 M"), "the old day keeps its figures"
    page.keyboard.press("]")
    page.wait_for_url(f"**/days/{NEXT}")
    page.wait_for_selector(".may-change >> text=The day is running")


def test_an_open_day_closes_with_the_amount_that_it_showed(open_page: Any, board: Board, clock: Clock) -> None:
    page = opened(open_page, board, f"/accounts/acme/days/{DAY}")
    clock.set(f"{NEXT}T01:00:02+08:00")
    statement = {"account": "acme", "day": DAY, "amount_due": "75.00", "currency": "CNY", "plans": [], "workspaces": 2}
    board.feed(record("statements", f"acme/{DAY}", {**statement, "restated": False, "revision": 9_000}))
    page.wait_for_selector(".day-line .state >> text=closed")
    page.wait_for_selector(".due-label >> text=due for the day, as stated")
    assert page.locator(".due").inner_text().startswith("75.00")


def test_midnight_passes_under_the_open_list_of_accounts(open_page: Any, board: Board, clock: Clock) -> None:
    page = opened(open_page, board, "/")
    assert page.locator("#account-acme td").first.inner_text() == "75.00"
    clock.set(f"{NEXT}T00:00:01+08:00")
    page.wait_for_selector(".day-line >> text=Sunday, 1 February 2026")
    page.wait_for_selector("#account-acme td >> text=0.00")
    assert page.locator(".due").inner_text().startswith("0.00")


@pytest.mark.parametrize(
    ("day", "noon", "hours", "marks"),
    [
        ("2026-03-29", "12:00:00+02:00", 23, ["00:00", "07:00", "13:00", "19:00", "23 h"]),
        ("2026-10-25", "12:00:00+01:00", 25, ["00:00", "05:00", "11:00", "17:00", "23:00", "25 h"]),
    ],
    ids=["23 h", "25 h"],
)
def test_a_day_of_another_length_is_drawn_with_its_hours(
    open_page: Any, clock: Clock, tmp_path: Path, day: str, noon: str, hours: int, marks: list[str]
) -> None:
    clock.set(f"{day}T{noon}")
    with Board(tmp_path, billing_time_zone="Europe/Berlin") as board:
        used(board, day, {"acme-prod": 100 * MILLION})
        page = opened(open_page, board, f"/accounts/acme/days/{day}")
        assert page.locator(".day-clock .hour").count() == hours
        assert page.locator(".day-clock").get_attribute("aria-label").startswith(f"The day has {hours} hours")
        assert page.locator(".day-clock text").all_text_contents() == marks, "every sixth hour, as the clock says it"
        assert page.locator(".links b").inner_text() == "Europe/Berlin"
        clock.set(f"{day}T{noon}")  # it went on while the page was opened
        used(board, day, {"acme-prod": 100 * MILLION, "acme-staging": 80 * MILLION})
        page.wait_for_selector("#feed .change")
        assert page.locator("#feed .change time").first.inner_text().startswith("12:00")
        at = float(page.locator(".day-clock .tick").get_attribute("x1").removesuffix("%"))
        noon_after = hours - 12  # the clocks are changed in the night
        assert at == pytest.approx(noon_after * 100 / hours, abs=0.5)
