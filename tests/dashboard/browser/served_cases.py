"""The cases of every page behind addresses that only the browser of a test sees, with the headers of the dashboard."""

from typing import TYPE_CHECKING

from meter.dashboard.answers import HEADERS
from meter.dashboard.pages import assets, render
from tests.dashboard.page_cases import CASES, Case

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

#: A secure origin, as the dashboard on loopback is one: the clipboard asks for it.
HOST = "http://localhost:1"


def serve(page: "Page", cases: dict[str, Case] | None = None) -> None:
    """Answer `/NAME` with the page of the case NAME; streams are not there."""

    def answer(route: "Route") -> None:
        path = route.request.url.removeprefix(HOST).partition("?")[0]
        asset = assets.served(path.removeprefix("/assets/"))
        if path == "/sign-in.css":
            asset = assets.all_assets()["meter.css"]
        name = path.removeprefix("/")
        if asset is not None:
            route.fulfill(body=asset.content, content_type=asset.content_type, headers=HEADERS)
        elif name in (cases or CASES):
            case = cases[name] if cases else CASES[name]()
            route.fulfill(body=render.page(*case), headers={**HEADERS, "Content-Type": "text/html; charset=utf-8"})
        else:
            route.fulfill(status=404, body="not among the cases", headers=HEADERS)

    page.route("**/*", answer)
