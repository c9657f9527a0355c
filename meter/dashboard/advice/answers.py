"""Answers `/accounts/A/advise` and `/accounts/A/simulate`: as a page, as the command's JSON, as tables."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from aiohttp import web

from meter.dashboard.advice.advising import SECONDS, WAIT_SECONDS, Advising, Answer, Busy, Unavailable
from meter.dashboard.advice.form import is_filled, query_of
from meter.dashboard.advice.offer import offer_of
from meter.dashboard.advice.question import Question, question_of
from meter.dashboard.advice.tables import table_of
from meter.dashboard.advice_models import AdvicePage, OnOffer
from meter.dashboard.answers import csv_answer, html_answer, problem_answer
from meter.dashboard.asked import Asked
from meter.dashboard.calendar import Calendar
from meter.dashboard.connections import Connection
from meter.dashboard.models import AsOf
from meter.dashboard.sight import Sight
from meter.dashboard.site import Site
from meter.errors import UserError

#: Seconds until the browser reloads a busy page by itself, without a script.
AGAIN_SECONDS = 5
BUSY = (
    "advice is worked out one question at a time, and enough of them wait; this page asks again in "
    f"{AGAIN_SECONDS} seconds"
)

Seen = TypeVar("Seen")


class Board(Protocol):
    """The parts of a dashboard that these pages use."""

    calendar: Calendar

    @property
    def advising(self) -> Advising:
        """Answers the questions."""


async def advice(
    request: web.BaseRequest, asked: Asked, site: Site, board: Board, seen: Callable[[Callable[[Sight], Any]], Any]
) -> web.Response | None:
    """The answer; None for an address without advice. `seen` reads one snapshot of the file, in a thread."""
    question = question_of(asked)
    if question is None:
        return None
    offer: OnOffer = await asyncio.to_thread(seen, lambda sight: offer_of(sight, question.account))
    if question.kind == "simulate" and is_filled(asked.query):
        there = site.url(*asked.parts, form=asked.form, query=query_of(asked.query, offer))
        return web.Response(status=303, headers={"Location": there})
    if isinstance(request.protocol, Connection):
        request.protocol.extend(WAIT_SECONDS + SECONDS)
    try:
        question.check()
        found = await board.advising.answer(question)
    except Busy:
        return _busy(site, asked)
    except Unavailable as error:
        return problem_answer(503, "No advice now", str(error), site, asked.form)
    except UserError as error:
        return await _refused(question, offer, board, site, asked, str(error))
    if asked.form == "json":
        return web.Response(body=found.body + b"\n", content_type="application/json", charset="utf-8")
    if asked.form == "csv":
        return csv_answer(table_of(question, found.model, asked.query.get("table", "")), question.kind)
    return await asyncio.to_thread(_page, question, offer, board, site, found, "")


def _busy(site: Site, asked: Asked) -> web.Response:
    """The page for a full queue."""
    response = problem_answer(503, "Busy", BUSY, site, asked.form)
    response.headers["Retry-After"] = str(AGAIN_SECONDS)
    if not asked.form:
        response.headers["Refresh"] = str(AGAIN_SECONDS)
    return response


async def _refused(
    question: Question, offer: OnOffer, board: Board, site: Site, asked: Asked, sentence: str
) -> web.Response:
    """The reason for a missing answer, with the form, so that the question can be corrected."""
    if asked.form:
        return problem_answer(409, "No advice", sentence, site, asked.form)
    page = await asyncio.to_thread(_page, question, offer, board, site, None, sentence)
    page.set_status(409)
    return page


def _page(
    question: Question, offer: OnOffer, board: Board, site: Site, found: Answer | None, problem: str
) -> web.Response:
    at_us = time.time_ns() // 1000 if found is None else found.at_us
    as_of = AsOf(time=board.calendar.time(at_us), seconds_behind=round(max(0, time.time_ns() // 1000 - at_us) / 1e6, 1))
    model = AdvicePage(
        account=question.account,
        as_of=as_of,
        currency="" if found is None else found.model["currency"],
        days=question.days,
        target=question.target,
        discount=question.discount,
        words={option: list(each) for option, each in question.words},
        command=question.command,
        answer=None if found is None else found.model,
        problem=problem,
        offer=offer,
    )
    return html_answer(question.kind, model, replace(site, as_of=as_of))
