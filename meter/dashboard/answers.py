"""Answers: a page, its JSON, its table as CSV, or an error; all with the same strict headers."""

import csv
import io
from collections.abc import Iterable, Sequence

import msgspec
from aiohttp import web

from meter.dashboard.models import Model, Problem
from meter.dashboard.pages import render
from meter.dashboard.site import Site
from schemas.record import encode

#: Nothing from another host, nothing inline, nothing evaluated (SPEC2 §12, law 6).
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
#: First characters of a cell that a spreadsheet takes for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")

Table = tuple[Sequence[str], Iterable[Sequence[object]]]


def secured(response: web.StreamResponse) -> web.StreamResponse:
    """The same answer with the common headers."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def json_answer(model: msgspec.Struct, status: int = 200) -> web.Response:
    """A model as JSON."""
    body = encode(model) + b"\n"
    return web.Response(status=status, body=body, content_type="application/json", charset="utf-8")


def html_answer(name: str, model: Model, site: Site, status: int = 200) -> web.Response:
    """A model as a page."""
    text = render.page(name, msgspec.to_builtins(model), site)
    return web.Response(status=status, text=text, content_type="text/html", charset="utf-8")


def csv_answer(table: Table, name: str) -> web.Response:
    """A table as CSV; an apostrophe keeps a spreadsheet from running a cell as a formula."""
    columns, rows = table
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return web.Response(text=text.getvalue(), content_type="text/csv", charset="utf-8", headers=headers)


def problem_answer(status: int, title: str, sentence: str, site: Site, form: str) -> web.Response:
    """The error and its remedy, as a page or as JSON, as requested."""
    model = Problem(status=status, title=title, sentence=sentence)
    return html_answer("problem", model, site, status) if not form else json_answer(model, status)


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(FORMULA) and not _is_number(value):
        return f"'{value}"
    return "" if value is None else value


def _is_number(text: str) -> bool:
    return text.lstrip("-").replace(".", "", 1).isdecimal()
