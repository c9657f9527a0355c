"""The pictures of the documents: pages of a real `meter demo`, taken by Chromium.

`python -m tests.dashboard.pictures` (or `make pictures`) plays the demo on a broker of its own and writes docs/images/.
Advice needs weeks of closed days, which a demo has not: its pages are made of the tests' sample of five weeks.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any, NamedTuple

from tests.dashboard.browser.conftest import ARGUMENTS, chromium
from tests.dashboard.browser.served_cases import HOST, serve
from tests.end_to_end.kafka import wait_until
from tests.end_to_end.workers import free_port
from tests.support.documents import ROOT

IMAGES = ROOT / "docs" / "images"
SECONDS = 20
ADDRESS = re.compile(r"(http://127\.0\.0\.1:[0-9]+)/(?:\s|$)")
EXPORTED = re.compile(r"(METER_TOPIC_PREFIX|METER_BILLING_TIME_ZONE)=(\S+)")
OVER = "worker and dashboard run on"
LIVE = '[data-live="on"]'
TOKEN = "a token of these pictures"
#: What acme is topped up by, and has then.
CASH, CASH_THEN = "60000", "61620.00"
#: Pixels around a part of a page.
MARGIN = 12


def nothing(page: Any) -> None:
    """The page as it opens."""


def reordered(page: Any) -> None:
    """The last workspace goes up by two places."""
    for place in ("7 of 8", "6 of 8"):
        page.click('[aria-label="juniper-sandbox earlier"]')
        page.wait_for_selector(f"#moved:has-text('{place}')", state="attached")
    page.wait_for_selector("#quote >> text=Change the list")


def filled_in(page: Any) -> None:
    """Forty traffic packages."""
    page.fill('[name="units.logs"]', "40")
    page.fill('[name="discount.logs"]', "0.8")
    page.wait_for_selector("#quote .due >> text=17,856.00")


def sent(page: Any) -> None:
    """Those are ordered."""
    filled_in(page)
    page.click("#quote button:has-text('Add for')")
    page.wait_for_selector("h1:has-text('Accepted')")


class Picture(NamedTuple):
    """A page as it is pictured; `{day}` in its address is the demo's day, `do` what is done there before."""

    address: str
    size: tuple[int, int] = (1280, 900)
    dark: bool = False
    do: Callable[[Any], None] = nothing
    #: Only the part from the first to the last of these headings' sections.
    part: tuple[str, ...] = ()


PICTURES = {
    "day": Picture("/accounts/acme/days/{day}"),
    "day-dark": Picture("/accounts/juniper/days/{day}", dark=True),
    "day-narrow": Picture("/accounts/acme/days/{day}", size=(390, 1100)),
    "explain": Picture("/explain/acme/acme-staging/logs/{day}"),
    "dead-letters": Picture("/dead-letters"),
    "operations": Picture("/operations"),
}
#: With the write token.
ORDERS = {
    "order-list": Picture("/accounts/juniper/change-workspaces?plan_id=juniper-plan", size=(1440, 980), do=reordered),
    "order-traffic": Picture("/accounts/acme/add-traffic?plan_id=acme-plan", size=(1440, 1000), do=filled_in),
    "order-outcome": Picture("/accounts/acme/add-traffic?plan_id=acme-plan", size=(1440, 640), do=sent),
}
#: Of the tests' samples.
SAMPLED = {
    "advise": Picture("/advise", size=(1280, 1118)),
    "advise-curves": Picture("/advise", part=("days-title", "curve-title", "rule-title")),
    "simulate": Picture("/simulate", size=(1280, 993)),
}


class Played(NamedTuple):
    """A demo that was played and is kept: where its dashboard is, its day, and the variables of its processes."""

    address: str
    day: str
    variables: dict[str, str]


@contextmanager
def played() -> Iterator[Played]:
    """A demo on a broker, ports and a directory of its own."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        own = {"METER_BROKER": f"127.0.0.1:{free_port()}", "METER_DATA_DIR": directory}
        own["METER_DASHBOARD_PORT"] = str(free_port())
        command = [sys.executable, "-m", "meter.cli", "demo", "--keep", "--seconds", str(SECONDS)]
        process = subprocess.Popen(command, env=with_variables(own), stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            yield _found(process.stdout, own)
        finally:
            process.terminate()
            process.wait(60)


def with_variables(own: dict[str, str]) -> dict[str, str]:
    """The environment with these `METER_…` variables only."""
    return {**{name: value for name, value in os.environ.items() if not name.startswith("METER_")}, **own}


def _found(lines: IO[str], own: dict[str, str]) -> Played:
    """What the demo prints, read until its day is over."""
    found: re.Match[str] | None = None
    exported: dict[str, str] = {}
    for line in lines:
        print(line, end="", flush=True)
        found = ADDRESS.search(line) or found
        exported |= dict(EXPORTED.findall(line))
        if OVER in line:
            assert found is not None, "the demo prints the address of its dashboard"
            with urllib.request.urlopen(f"{found[1]}/index.json", timeout=30) as answer:
                return Played(found[1], json.load(answer)["day"], {**own, **exported})
    raise SystemExit("the demo ended before its day was over")


@contextmanager
def writing(demo: Played) -> Iterator[Played]:
    """A second dashboard of the demo, which takes orders; acme has money for them."""
    top_up = [sys.executable, "-m", "meter.cli", "top-up", "acme", CASH]
    subprocess.run(top_up, env=with_variables(demo.variables), check=True)
    port = str(free_port())
    with tempfile.TemporaryDirectory() as directory:
        own = {"METER_DATA_DIR": directory, "METER_DASHBOARD_PORT": port, "METER_DASHBOARD_WRITE_TOKEN": TOKEN}
        environment = with_variables({**demo.variables, **own})
        process = subprocess.Popen([sys.executable, "-m", "meter.cli", "dashboard"], env=environment)
        written = demo._replace(address=f"http://127.0.0.1:{port}")
        try:
            wait_until("the dashboard has the money", lambda: _has_the_money(written.address), 60)
            yield written
        finally:
            process.terminate()
            process.wait(60)


def _has_the_money(address: str) -> bool:
    request = urllib.request.Request(f"{address}/accounts/acme/plans.json", headers=signed_in())
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return CASH_THEN in answer.read().decode()
    except OSError:
        return False


def signed_in() -> dict[str, str]:
    """The header of somebody with the write token."""
    return {"Authorization": f"Bearer {TOKEN}"}


def taken(page: Any, address: str, name: str, picture: Picture) -> None:
    """One picture, in a new page of its size and scheme."""
    page.goto(address)
    if page.locator("#stream").count() and not address.startswith(HOST):
        page.wait_for_selector(LIVE)
    picture.do(page)
    page.wait_for_function("() => !document.querySelector('[data-new]')")
    path = IMAGES / f"{name}.png"
    page.screenshot(path=path, full_page=bool(picture.part), clip=_clip(page, picture.part))
    page.context.close()
    if shutil.which("pngquant") is not None:  # a third of the bytes
        subprocess.run(["pngquant", "--force", "--output", path, "--", path], check=True)
    print(f"docs/images/{name}.png")


def _clip(page: Any, headings: tuple[str, ...]) -> dict[str, float] | None:
    """Where these headings' sections are, over the whole width; None for the whole view."""
    if not headings:
        return None
    boxes = [page.locator(f'[aria-labelledby="{heading}"]').bounding_box() for heading in headings]
    top = min(box["y"] for box in boxes) - MARGIN
    end = max(box["y"] + box["height"] for box in boxes) + MARGIN
    return {"x": 0, "y": top, "width": page.viewport_size["width"], "height": end - top}


def opened(browser: Any, picture: Picture, **more: Any) -> Any:
    """A page of a picture's size and scheme."""
    width, height = picture.size
    scheme = "dark" if picture.dark else "light"
    return browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, **more).new_page()


def main() -> None:
    """Take all of them, or those that are named."""
    from playwright.sync_api import sync_playwright

    path = chromium()
    assert path is not None, "there is no Chromium: apt-get install chromium"
    names = sys.argv[1:] or [*SAMPLED, *PICTURES, *ORDERS]
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=path, args=ARGUMENTS) as browser:
        for name in [name for name in names if name in SAMPLED]:
            page = opened(browser, SAMPLED[name])
            serve(page)
            taken(page, HOST + SAMPLED[name].address, name, SAMPLED[name])
        if set(names) <= set(SAMPLED):
            return
        with played() as demo, writing(demo) as written:
            for name in [name for name in names if name not in SAMPLED]:
                picture, on = (ORDERS[name], written) if name in ORDERS else (PICTURES[name], demo)
                page = opened(browser, picture, extra_http_headers=signed_in() if on is written else {})
                taken(page, on.address + picture.address.format(day=on.day), name, picture)


if __name__ == "__main__":
    main()
