"""Answers order forms: shows a form, quotes it while it is filled in, sends it once.

A form's address holds its whole state, including the order id. Every POST redirects to an address by GET,
so that reload and back change nothing. A form sends only the order whose quote it showed (`seen`).
"""

import asyncio
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol
from urllib.parse import parse_qs

import msgspec
from aiohttp import web

from meter.dashboard.access import Rights, same_origin
from meter.dashboard.actions import NO_RIGHT, OFF
from meter.dashboard.answers import csv_answer, html_answer, json_answer, problem_answer
from meter.dashboard.asked import Asked
from meter.dashboard.connections import Connection
from meter.dashboard.orders.fields import ADDRESS_LIMIT, VALUE_LIMIT, WORDS, Fields, Given, fields_of
from meter.dashboard.orders.forms import Made, form_of, table
from meter.dashboard.orders.known import ANSWER_SECONDS, Judged
from meter.dashboard.orders.quoting import seen_of
from meter.dashboard.orders.sending import FAILED, Sending, SentOrder, TooMany
from meter.dashboard.pages import render
from meter.dashboard.pages.environment import rendered
from meter.dashboard.pages.news import placed
from meter.dashboard.pages.parts import filled_all
from meter.dashboard.site import Site
from meter.dashboard.special import Special, seen_at
from meter.errors import UserError
from schemas.ids import is_id

#: Most bytes of a form: 1,000 workspaces of 64 characters, each with its field's name, are fewer.
FORM_BYTES, FORM_FIELDS = 256 * 1024, 4_000
FORM_WORDS = "an order form has the fields of its page, in 256 KiB at most"
CHANGED = "Nothing was sent: this is another order than the one that was shown. Look at it, then send it."
TAKEN = "Nothing was sent: another order was sent under this id. Look at what became of it, or order under a new id."


class Knowing(Protocol):
    """The data that decides an order."""

    async def judged_by(self, account: str, workspaces: Sequence[str]) -> Judged: ...

    async def close(self) -> None: ...


@dataclass(frozen=True)
class Ordering:
    """The state behind the forms of one dashboard."""

    known: Knowing
    sending: Sending

    async def close(self) -> None:
        """Close the Kafka clients."""
        await self.sending.close()
        await self.known.close()


class Board(Special, Protocol):
    """The parts of a dashboard that the forms use."""

    @property
    def ordering(self) -> Ordering | None:
        """None without a write token."""


def is_form(asked: Asked) -> bool:
    """Whether an address is an order form."""
    parts = asked.parts
    return len(parts) == 3 and parts[0] == "accounts" and parts[2] in WORDS and is_id(parts[1])


def new_order_id(kind: str) -> str:
    """A readable, unique order id, as the commands make it."""
    word = {"purchase": "plan", "change_workspaces": "change"}.get(kind, kind.replace("_", "-"))
    return f"{word}-{time.strftime('%Y%m%d', time.gmtime())}-{secrets.token_hex(4)}"


async def answer(request: web.BaseRequest, asked: Asked, rights: Rights, site: Site, board: Board) -> web.Response:
    """The answer to a form's address."""
    ordering = board.ordering
    if not rights.write or ordering is None:
        return problem_answer(403, "Not allowed", NO_RIGHT if site.write_token_set else OFF, site, asked.form)
    if isinstance(request.protocol, Connection):
        request.protocol.extend(ANSWER_SECONDS)
    form = Form(asked, site, board, ordering)
    try:
        if request.method in ("GET", "HEAD"):
            return await form.shown()
        if request.method != "POST":
            return web.Response(status=405, text="GET, HEAD and POST only\n", headers={"Allow": "GET, HEAD, POST"})
        if not same_origin(request):
            return problem_answer(403, "Not allowed", "this form was sent by another site", site, asked.form)
        given = await _sent_fields(request)
        if given is None:
            return problem_answer(413, "Not understood", FORM_WORDS, site, asked.form)
        return await form.taken(given, partly="HX-Request" in request.headers)
    except UserError as error:
        if "HX-Request" in request.headers:
            return _unquoted(str(error))
        return problem_answer(503, "No quote now", str(error), site, asked.form)


class Form:
    """One request for a form."""

    def __init__(self, asked: Asked, site: Site, board: Board, ordering: Ordering) -> None:
        self._asked, self._site, self._board, self._ordering = asked, site, board, ordering
        _, self._account, self._word = asked.parts
        self._kind = WORDS[self._word]

    async def shown(self) -> web.Response:
        """The form of an address; an address without an order id redirects to one with a new id."""
        fields = fields_of(self._kind, self._account, {name: (text,) for name, text in self._asked.query.items()})
        if not fields.order_id:
            fields = replace(fields, order_id=new_order_id(self._kind))
            if not self._asked.form and (there := self._address(fields)):
                return web.Response(status=303, headers={"Location": there})
        return self._page(await self._made(fields))

    async def taken(self, given: Given, partly: bool) -> web.Response:
        """Handle a POST: an order, fields to quote, or a change of a list."""
        fields = fields_of(self._kind, self._account, given)
        fields = fields if fields.order_id else replace(fields, order_id=new_order_id(self._kind))
        move, added = last(given, "move"), "" if partly else last(given, "add")
        if move or added:
            fields = fields.moved(move or "add", added)
        if last(given, "step") == "send" and not (move or added):
            return await self._send(fields, last(given, "seen"))
        if partly:
            return self._parts(await self._made(fields))
        if not self._asked.form and (there := self._address(fields)):
            return web.Response(status=303, headers={"Location": f"{there}#workspaces" if move or added else there})
        return self._page(await self._made(fields))

    async def _send(self, fields: Fields, seen: str) -> web.Response:
        """1 refuse an id of another order, 2 refuse an order other than the one shown, 3 send it, 4 open its page."""
        sending = self._ordering.sending
        found = sending.known(self._account, fields.order_id)
        if found is not None and found.seen != seen:  # 1
            return self._page(await self._made(fields, TAKEN, taken=True), 409)
        if found is None or found.state == FAILED:
            made = await self._made(fields)
            if made.form.sent:
                return await self._decided_before(made, seen)  # 1
            if made.order is None or made.form.quote is None or made.form.quote.seen != seen:  # 2
                return self._page(_noted(made, CHANGED), 409)
            try:
                found = sending.begin(made.order, seen)  # 3
            except TooMany as error:
                return self._page(_noted(made, f"Nothing was sent: {error}"), 429)
        await sending.acknowledged(found)
        if found.state == FAILED:
            return self._page(await self._made(fields, f"Nothing was sent: {found.error}"), 503)
        return self._sent(found)  # 4

    async def _decided_before(self, made: Made, seen: str) -> web.Response:
        """The id is decided: a repeat of the same order redirects to its outcome."""
        order_id = made.form.order_id
        first = await self._ordering.sending.first_under(self._account, order_id)
        if first is None or seen_of(first, made.form.currency) != seen:
            return self._page(_noted(made, TAKEN), 409)
        there = self._site.url("accounts", self._account, "orders", order_id)
        return web.Response(status=303, headers={"Location": there})

    def _sent(self, order: SentOrder) -> web.Response:
        at = "" if order.place is None else f"{order.place.partition}/{order.place.offset}"
        order_id = order.order.order_id
        there = self._site.url("accounts", self._account, "orders", order_id, form=self._asked.form, query={"at": at})
        return web.Response(status=303, headers={"Location": there})

    async def _made(self, fields: Fields, notice: str = "", taken: bool = False) -> Made:
        """The form; `taken`: its id belongs to another order, which may have reached Kafka even if sending failed."""
        self._require_all_read()
        sent = self._ordering.sending.known(self._account, fields.order_id)
        taken = taken or (sent is not None and sent.state != FAILED)
        judged = await self._ordering.known.judged_by(self._account, fields.workspaces or ())
        return await asyncio.to_thread(
            seen_at, self._board, lambda sight: form_of(sight, fields, judged, taken, notice)
        )

    def _require_all_read(self) -> None:
        """Refuse quotes until everything published is read: an earlier one would mix states of the account."""
        live = self._board.live
        if live.loading is not None or live.lag_records is None:
            far = (
                "" if live.loading is None else f" ({live.loading.records_read:,} of {live.loading.records:,} records)"
            )
            raise UserError(
                f"this dashboard is still reading what was published{far}; it quotes when it has: load again"
            )

    def _address(self, fields: Fields) -> str:
        """The address of a form; empty if it would be too long."""
        there = self._site.url("accounts", self._account, self._word, query=fields.query())
        return there if len(there) <= ADDRESS_LIMIT else ""

    def _page(self, made: Made, status: int = 200) -> web.Response:
        if self._asked.form == "json":
            return json_answer(made.form, status)
        if self._asked.form == "csv":
            return csv_answer(table(made.form), self._word)
        return html_answer("order", made.form, self._around(made), status)

    def _parts(self, made: Made) -> web.Response:
        """The parts of an open form that change, each for its place."""
        prepared = render.prepare("order", msgspec.to_builtins(made.form), self._around(made))
        parts = filled_all([prepared.as_of, *prepared.parts], prepared.shared)
        text = "".join(placed(name, part) for name, part in parts.items())
        return web.Response(text=text, content_type="text/html", charset="utf-8")

    def _around(self, made: Made) -> Site:
        """The site as templates see it: at the address that shows this form."""
        return replace(self._site, as_of=made.form.as_of, query=dict(made.form.fields))


def _unquoted(sentence: str) -> web.Response:
    """For an open form: why there is no quote now."""
    text = placed("quote", rendered("orders/unquoted.html", {"sentence": sentence}))
    return web.Response(text=text, content_type="text/html", charset="utf-8")


def last(given: Given, name: str) -> str:
    """The last value of a field, truncated."""
    return (given.get(name) or ("",))[-1].strip()[:VALUE_LIMIT]


def _noted(made: Made, notice: str) -> Made:
    return made._replace(form=msgspec.structs.replace(made.form, notice=notice))


async def _sent_fields(request: web.BaseRequest) -> Given | None:
    """Every value of each field; None if there are too many."""
    body = bytearray()
    async for chunk in request.content.iter_chunked(FORM_BYTES):
        body += chunk
        if len(body) > FORM_BYTES:
            return None
    try:
        return parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=FORM_FIELDS)
    except ValueError:
        return None
