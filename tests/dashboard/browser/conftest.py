"""One Chromium for all tests of a module, a fresh page for each; skipped with the reason where there is none."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

#: Debian's name, and those of others.
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
#: The sandbox needs rights that containers seldom give; these tests open our own pages only.
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage"]
#: For a browser to open a page, and for a page to become so, on a busy machine.
PATIENCE_MS = 60_000
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
#: Every breach of the policy, counted before any script of the page runs.
WATCH = """window.breaches = [];
addEventListener('securitypolicyviolation', e => breaches.push(`${e.violatedDirective} ${e.blockedURI}`));"""


def chromium() -> str | None:
    """Where the system's Chromium is."""
    return next((found for found in map(shutil.which, NAMES) if found), None)


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """The system's Chromium. No other test of the process can run an event loop before Playwright has stopped."""
    from playwright.sync_api import sync_playwright

    path = chromium()
    if path is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=ARGUMENTS, timeout=2 * PATIENCE_MS)
        yield started
        started.close()


@dataclass
class Watched:
    """A page, and what its scripts threw."""

    page: Any
    threw: list[str] = field(default_factory=list)

    def wrong(self) -> list[str]:
        """Breaches of the policy by what is open, and what was thrown."""
        scripted = not self.page.is_closed() and self.page.evaluate("typeof breaches") != "undefined"
        return [*(self.page.evaluate("breaches") if scripted else ()), *self.threw]


def watched(browser: "Browser", **more: Any) -> Watched:
    """A page in a context of its own."""
    context = browser.new_context(**{"viewport": WIDE, **more})
    context.add_init_script(WATCH)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    found = Watched(page)
    page.on("pageerror", lambda error: found.threw.append(str(error)))
    return found


@pytest.fixture
def open_page(browser: "Browser") -> Iterator[Any]:
    """Opens pages; each must have kept to the policy and thrown nothing when the test ends."""
    opened: list[Watched] = []

    def another(**more: Any) -> Any:
        opened.append(watched(browser, **more))
        return opened[-1].page

    yield another
    wrong = [each.wrong() for each in opened]
    for each in opened:
        each.page.context.close()
    assert [each for each in wrong if each] == []
