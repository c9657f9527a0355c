"""Every page in light and dark, wide and narrow: nothing sticks out, the policy is kept, axe finds nothing grave."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT

from tests.dashboard.browser.conftest import NARROW, WIDE, Watched, watched
from tests.dashboard.browser.served_cases import HOST, serve
from tests.dashboard.page_cases import CASES
from tests.dashboard.test_pages import HOSTILE, hostile

if TYPE_CHECKING:
    from playwright.sync_api import Browser

#: Cases that differ from another one in words alone: axe has seen their like.
ALIKE = (
    "closed",
    "final",
    "short",
    "no_accounts",
    "none_found",
    "no_history",
    "no_plans",
    "no_alerts",
    "no_letters",
    "nothing_changed",
)
GRAVE = ["serious", "critical"]
#: Of all that axe finds no more crosses to Python than what is grave.
FOUND = """async ([rules, grave]) => {
    const options = {resultTypes: ['violations'], ...(rules.length ? {runOnly: rules} : {})};
    const {violations} = await axe.run(options);
    return violations.filter(each => grave.includes(each.impact))
        .map(each => `${each.id}: ${each.nodes[0].html.slice(0, 200)}`);
}"""
STICKS_OUT = """() => [...document.querySelectorAll('body *')]
    .filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.sr, pre, svg, .document table'))
    .map(e => e.tagName + '.' + e.className + ' ' + Math.round(e.getBoundingClientRect().right))"""
WIDER = "document.documentElement.scrollWidth - innerWidth"


def grave(page: Any, *rules: str) -> list[str]:
    """What axe finds, by these rules or by all, that keeps somebody from reading or using the page."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found: list[str] = page.evaluate(FOUND, [list(rules), GRAVE])
    return found


@pytest.fixture(scope="module")
def leafed(browser: "Browser") -> Iterator[Watched]:
    """One page that shows one case after the other: a page of its own costs more than what is on it."""
    found = watched(browser)
    serve(found.page)
    yield found
    found.page.context.close()


@pytest.mark.parametrize("name", CASES)
def test_a_page_fits_and_can_be_read_by_everybody(leafed: Watched, name: str) -> None:
    page = leafed.page
    page.set_viewport_size(WIDE)
    page.emulate_media(color_scheme="light")
    page.goto(f"{HOST}/{name}")
    assert page.evaluate(WIDER) <= 0, page.evaluate(STICKS_OUT)
    if name not in ALIKE:
        assert grave(page) == []
        page.emulate_media(color_scheme="dark")
        assert grave(page, "color-contrast") == []
    page.set_viewport_size(NARROW)
    assert page.evaluate(WIDER) <= 0, page.evaluate(STICKS_OUT)
    assert leafed.wrong() == []


def test_anybodys_text_neither_runs_nor_breaks_a_page(open_page: Any) -> None:
    page = open_page(viewport=NARROW)
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    cases = {name: hostile(name, HOSTILE + "W" * 16_384)[0] for name in CASES}
    serve(page, cases)
    for name in cases:
        page.goto(f"{HOST}/{name}")
        assert page.evaluate(WIDER) <= 0, (name, page.evaluate(STICKS_OUT))
        assert page.locator("img, iframe, hx-partial").count() == 0


@pytest.mark.parametrize("name", ["worked", "wide", "accounts", "plans", "explain", "advise", "simulate"])
def test_a_page_is_whole_without_scripts(open_page: Any, name: str) -> None:
    page = open_page(java_script_enabled=False)
    serve(page)
    page.goto(f"{HOST}/{name}")
    assert page.locator("h1").inner_text()
    assert page.locator("table.figures tbody tr:visible").count()
    assert page.locator(".copy").count() == 0 or not page.locator(".copy").first.is_visible()
    for details in page.locator("main details:visible").all():
        if details.get_attribute("open") is None:
            details.locator("summary").first.click()
            assert details.get_attribute("open") is not None
            break


def test_the_day_can_be_walked_by_keyboard(open_page: Any) -> None:
    page = open_page()
    serve(page)
    page.goto(f"{HOST}/worked")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.activeElement.id === 'main'")
    reached = []
    for _ in range(80):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.closest('details')?.id ?? document.activeElement.tagName"))
        if reached[-1] == "item-datakit":
            break
    assert "item-logs" in reached, "the open item's links come before the next item"
    assert not page.locator("#item-datakit .item-body").is_visible()
    page.keyboard.press("Enter")
    page.wait_for_selector("#item-datakit .item-body")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_keys_lead_to_the_days_beside_it_and_to_the_search(open_page: Any) -> None:
    page = open_page()
    serve(page)
    page.goto(f"{HOST}/accounts")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    page.keyboard.type("[")
    assert page.input_value("#search") == "["
    page.goto(f"{HOST}/worked")
    page.keyboard.press("[")
    page.wait_for_url(f"{HOST}/accounts/acme/days/2026-01-30")


def test_a_command_is_copied(open_page: Any) -> None:
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    serve(page)
    page.goto(f"{HOST}/worked")
    page.locator(".copy").click()
    page.wait_for_selector(".copy >> text=Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "meter overages --account acme --day 2026-01-31"
