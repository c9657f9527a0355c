"""Runs the action of a form: needs the write token and one of our pages. The only action resends dead letters."""

from dataclasses import asdict
from typing import Protocol

import msgspec
from aiohttp import web

from meter.dashboard.access import Rights, same_origin
from meter.dashboard.answers import problem_answer
from meter.dashboard.asked import Asked
from meter.dashboard.resend import Attempt
from meter.dashboard.sign_in import form_of
from meter.dashboard.site import Site
from meter.errors import UserError

#: Values of the field `action`.
TRY, GROUP = "try", "group"
OFF = "writing is switched off: set METER_DASHBOARD_WRITE_TOKEN and start the dashboard again"
NO_RIGHT = "sending asks for the write token: sign out, then sign in with METER_DASHBOARD_WRITE_TOKEN"


class Resends(Protocol):
    """Resends dead letters."""

    def begin(self, reason: str, source: str, only_one: bool) -> Attempt: ...


def is_action(request: web.BaseRequest, asked: Asked) -> bool:
    """Whether a request is a form with an action."""
    return request.method == "POST" and asked.parts == ("dead-letters",)


async def act(
    request: web.BaseRequest, asked: Asked, rights: Rights, site: Site, resends: Resends | None
) -> web.Response:
    """Run the form's action, then show the page; `.json` answers with the attempt."""
    if not rights.write or resends is None:
        words = NO_RIGHT if site.write_token_set else OFF
        return problem_answer(403, "Not allowed", words, site, asked.form)
    if not same_origin(request):
        return problem_answer(403, "Not allowed", "this form was sent by another site", site, asked.form)
    form = await form_of(request)
    if form is None or form.get("action") not in (TRY, GROUP):
        sentence = "a form has the fields action (try or group), reason and source, in 4 KiB at most"
        return problem_answer(400, "Not understood", sentence, site, asked.form)
    reason, source = form.get("reason", ""), form.get("source", "")
    try:
        attempt = resends.begin(reason, source, form["action"] == TRY)
    except UserError as error:
        return problem_answer(409, "Not now", str(error), site, asked.form)
    if asked.form == "json":
        body = msgspec.json.encode(asdict(attempt)) + b"\n"
        return web.Response(status=202, body=body, content_type="application/json", charset="utf-8")
    there = site.url("dead-letters", query={"reason": reason, "source": source})
    return web.Response(status=303, headers={"Location": there})
