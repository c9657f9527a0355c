"""The way to the package of the pages; without it the figures are shown as they are."""

from html import escape
from importlib import import_module
from typing import Any

import msgspec

from meter.dashboard.site import Site

RENDER = "meter.dashboard.pages.render"


def page(name: str, model: Any, site: Site) -> str:
    """A model as a page."""
    try:
        render = import_module(RENDER)
    except ModuleNotFoundError:
        return _plain(name, model)
    return str(render.page(name, model, site))


def asset(name: str) -> tuple[bytes, str] | None:
    """A file of the pages (script, style) and its content type; None if there is none of this name."""
    try:
        render = import_module(RENDER)
    except ModuleNotFoundError:
        return None
    found: tuple[bytes, str] | None = render.asset(name)
    return found


def _plain(name: str, model: Any) -> str:
    text = escape(msgspec.json.format(msgspec.json.encode(model), indent=2).decode())
    return f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(name)}</title><pre>{text}</pre></html>'
