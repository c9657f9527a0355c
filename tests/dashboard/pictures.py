"""The pictures of the documents: pages of a real `meter demo`, taken by Chromium.

`python -m tests.dashboard.pictures` (or `make pictures`) plays the demo on a broker of its own and writes docs/images/.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, NamedTuple

from tests.dashboard.browser.conftest import ARGUMENTS, chromium
from tests.end_to_end.workers import free_port
from tests.support.documents import ROOT

IMAGES = ROOT / "docs" / "images"
SECONDS = 20
ADDRESS = re.compile(r"(http://127\.0\.0\.1:[0-9]+)/(?:\s|$)")
OVER = "worker and dashboard run on"
LIVE = '[data-live="on"]'


class Picture(NamedTuple):
    """A page as it is pictured; `{day}` in its address is the demo's day."""

    address: str
    size: tuple[int, int] = (1280, 900)
    dark: bool = False


PICTURES = {
    "day": Picture("/accounts/acme/days/{day}"),
    "day-dark": Picture("/accounts/juniper/days/{day}", dark=True),
    "day-narrow": Picture("/accounts/acme/days/{day}", size=(390, 1100)),
    "explain": Picture("/explain/acme/acme-staging/logs/{day}"),
    "dead-letters": Picture("/dead-letters"),
    "operations": Picture("/operations"),
}


class Played(NamedTuple):
    """A demo that was played and is kept: where its dashboard is, and its day."""

    address: str
    day: str


@contextmanager
def played() -> Iterator[Played]:
    """A demo on a broker, ports and a directory of its own."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        own = {"METER_BROKER": f"127.0.0.1:{free_port()}", "METER_DATA_DIR": directory}
        own["METER_DASHBOARD_PORT"] = str(free_port())
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("METER_")}
        command = [sys.executable, "-m", "meter.cli", "demo", "--keep", "--seconds", str(SECONDS)]
        process = subprocess.Popen(command, env={**inherited, **own}, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            yield _found(process.stdout)
        finally:
            process.terminate()
            process.wait(60)


def _found(lines: IO[str]) -> Played:
    """What the demo prints, read until its day is over."""
    found = None
    for line in lines:
        print(line, end="", flush=True)
        found = ADDRESS.search(line) or found
        if OVER in line:
            assert found is not None, "the demo prints the address of its dashboard"
            with urllib.request.urlopen(f"{found[1]}/index.json", timeout=30) as answer:
                return Played(found[1], json.load(answer)["day"])
    raise SystemExit("the demo ended before its day was over")


def taken(browser: Any, demo: Played, name: str, picture: Picture) -> None:
    """One picture."""
    scheme = "dark" if picture.dark else "light"
    page = browser.new_page(viewport={"width": picture.size[0], "height": picture.size[1]}, color_scheme=scheme)
    page.goto(demo.address + picture.address.format(day=demo.day))
    if page.locator("#stream").count():
        page.wait_for_selector(LIVE)
    page.wait_for_function("() => !document.querySelector('[data-new]')")
    path = IMAGES / f"{name}.png"
    page.screenshot(path=path)
    page.close()
    if shutil.which("pngquant") is not None:  # a third of the bytes
        subprocess.run(["pngquant", "--force", "--output", path, "--", path], check=True)


def main() -> None:
    """Take all of them."""
    from playwright.sync_api import sync_playwright

    path = chromium()
    assert path is not None, "there is no Chromium: apt-get install chromium"
    names = sys.argv[1:] or list(PICTURES)
    with (
        played() as demo,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=path, args=ARGUMENTS) as browser,
    ):
        for name in names:
            taken(browser, demo, name, PICTURES[name])
            print(f"docs/images/{name}.png")


if __name__ == "__main__":
    main()
