"""Pages that need more than the file: an account's present day, explanations, documents, assets."""

import asyncio
import functools
import mimetypes
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol, TypeVar
from urllib.parse import quote

import msgspec
from aiohttp import web

from meter.dashboard import documents
from meter.dashboard.account_models import HistoryPage
from meter.dashboard.advice.advising import Advising
from meter.dashboard.advice.answers import advice
from meter.dashboard.answers import Table, csv_answer, html_answer, json_answer, problem_answer
from meter.dashboard.asked import Asked
from meter.dashboard.calendar import Calendar
from meter.dashboard.compared import changed_cells, comparison, days_of
from meter.dashboard.connections import Connection
from meter.dashboard.explained import SECONDS, Explaining, is_explanation
from meter.dashboard.models import AsOf, ExplainPage
from meter.dashboard.old_days import workspace_statements
from meter.dashboard.pages import render
from meter.dashboard.routes import DAY, HISTORY, account_of, is_day, route_name
from meter.dashboard.sight import Live, NotThere, Sight
from meter.dashboard.site import Site
from meter.dashboard.store import Store
from meter.dashboard.views import old_day
from meter.errors import UserError
from meter.explain.model import Explanation
from meter.settings import Settings
from schemas.catalog import Catalog

Seen = TypeVar("Seen")

#: File names hold a digest of their content, so browsers may cache them forever.
ASSET_AGE = "public, max-age=31536000, immutable"


class Special(Protocol):
    """The parts of a dashboard that these pages use."""

    settings: Settings
    calendar: Calendar
    catalog: Catalog
    live: Live
    store: Store

    @property
    def explaining(self) -> Explaining:
        """Explains figures."""

    @property
    def advising(self) -> Advising:
        """Computes advice."""


async def special(request: web.BaseRequest, asked: Asked, site: Site, board: Special) -> web.Response | None:
    """The answer; None if the file alone makes the page; raises NotThere."""
    if asked.parts[:1] == ("assets",):
        return _asset(asked)
    if asked.parts[:1] == ("docs",):
        return _document(asked, site)
    account = account_of(asked)
    if account is not None:
        today = board.calendar.today(time.time_ns() // 1000)
        there = site.url("accounts", account, "days", today, form=asked.form)
        return web.Response(status=302, headers={"Location": there})
    if is_explanation(asked):
        return await _explanation(request, asked, site, board)
    advised = await advice(request, asked, site, board, functools.partial(seen_at, board))
    if advised is not None:
        return advised
    if is_day(asked):
        return await _old_day(asked, site, board)
    if route_name(asked) == HISTORY.name and (days := days_of(asked)) is not None:
        return await _compared(request, asked, site, board, days)
    return None


async def _compared(
    request: web.BaseRequest, asked: Asked, site: Site, board: Special, days: tuple[str, str]
) -> web.Response:
    """The history with two of its days compared."""
    if isinstance(request.protocol, Connection):
        request.protocol.extend(SECONDS)
    account = asked.parts[1]
    found = await asyncio.to_thread(seen_at, board, lambda sight: HISTORY.model(sight, asked))
    cells = await asyncio.to_thread(seen_at, board, lambda sight: changed_cells(sight, account, days))
    try:
        compared = await comparison(board.explaining, account, days, cells)
    except UserError as error:
        return problem_answer(503, "No comparison now", str(error), site, asked.form)
    assert isinstance(found, HistoryPage), "the history's model"
    found = msgspec.structs.replace(found, comparison=compared)
    if asked.form == "json":
        return json_answer(found)
    if asked.form == "csv":
        return csv_answer(HISTORY.table(found), HISTORY.name)
    return html_answer(HISTORY.name, found, replace(site, as_of=found.as_of))


async def _old_day(asked: Asked, site: Site, board: Special) -> web.Response | None:
    """A day older than those kept; None if it is kept or unknown."""
    account, day = asked.parts[1], asked.parts[3]
    versions = await asyncio.to_thread(seen_at, board, lambda sight: old_day.versions_of(sight, account, day))
    if versions is None:
        return None
    try:
        stated = await workspace_statements(board.settings, account, day, *versions)
    except UserError as error:
        return problem_answer(503, "Not readable now", str(error), site, asked.form)
    found = await asyncio.to_thread(seen_at, board, lambda sight: old_day.page(sight, account, day, stated))
    if asked.form == "json":
        return json_answer(found)
    if asked.form == "csv":
        return csv_answer(DAY.table(found), DAY.name)
    return html_answer(DAY.name, found, replace(site, as_of=found.as_of))


def seen_at(board: Special, look: Callable[[Sight], Seen]) -> Seen:
    """In a thread: call a function with one snapshot of the file."""
    with board.store.reading() as connection:
        now_us = time.time_ns() // 1000
        return look(Sight(connection, board.calendar, board.catalog, board.settings, now_us, board.live))


async def _explanation(request: web.BaseRequest, asked: Asked, site: Site, board: Special) -> web.Response:
    if isinstance(request.protocol, Connection):
        request.protocol.extend(SECONDS)
    try:
        found = await board.explaining.answer(asked)
    except UserError as error:
        return problem_answer(503, "No explanation now", str(error), site, asked.form)
    if asked.form == "json":
        return json_answer(found)
    if asked.form == "csv":
        return csv_answer(_history(found), "explanation")
    as_of = AsOf(time=board.calendar.time(time.time_ns() // 1000), seconds_behind=0.0)
    return html_answer("explain", ExplainPage(as_of=as_of, explanation=msgspec.to_builtins(found)), site)


def _history(found: Explanation) -> Table:
    """A row for each published revision."""
    names = ("revision", "time", "usage", "covered", "overage", "delta", "basis", "amount", "restated", "sentence")
    return names, ([getattr(change, name) for name in names] for change in found.history)


def _document(asked: Asked, site: Site) -> web.Response:
    name = "/".join(asked.parts[1:])
    if not name:  # a document's links are relative to it
        return web.Response(status=302, headers={"Location": site.url("docs", documents.FIRST)})
    ending = name[name.rfind(".") :]
    if ending in documents.PICTURES:
        return web.Response(body=documents.content(name), content_type=documents.PICTURES[ending])
    found = documents.document(name)
    if asked.form == "json":
        return json_answer(found)
    return html_answer("docs", found, site)


def _asset(asked: Asked) -> web.Response:
    name = "/".join(asked.parts[1:])
    found = render.asset(name)
    if found is None:
        raise NotThere(f"there is no file {quote(name)}")
    body, content_type = found
    known = content_type or mimetypes.guess_type(name)[0] or "application/octet-stream"
    return web.Response(body=body, content_type=known, charset="utf-8", headers={"Cache-Control": ASSET_AGE})
