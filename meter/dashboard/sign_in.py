"""The sign-in form for the token, and its cookie: HttpOnly, SameSite=Strict."""

from urllib.parse import parse_qs

from aiohttp import web

from meter.dashboard.access import COOKIE, TOKEN_LIMIT, Access, same_origin
from meter.dashboard.answers import html_answer
from meter.dashboard.models import SignIn
from meter.dashboard.site import Site

#: Most bytes of a form; a token and an address are shorter.
FORM_BYTES = 4 * TOKEN_LIMIT
COOKIE_SECONDS = 30 * 86_400


async def sign_in(request: web.BaseRequest, access: Access, site: Site) -> web.StreamResponse:
    """Show the form, or accept it: set the cookie and redirect to the requested page."""
    if request.method != "POST":
        return html_answer("sign_in", SignIn(target=local(site.query.get("target", ""), site), wrong=False), site)
    if not same_origin(request):
        return web.Response(status=403, text="this form was sent by another site\n")
    form = await form_of(request)
    if form is None:
        return web.Response(status=413, text=f"a form has at most {FORM_BYTES} bytes\n")
    target = local(form.get("target", ""), site)
    cookie = access.cookie_for(form.get("token", ""))
    if cookie is None:
        return html_answer("sign_in", SignIn(target=target, wrong=True), site, 401)
    answer = web.Response(status=303, headers={"Location": target})
    answer.set_cookie(
        COOKIE,
        cookie,
        max_age=COOKIE_SECONDS,
        path=site.base_path or "/",
        httponly=True,
        samesite="Strict",
        secure=request.headers.get("X-Forwarded-Proto", request.scheme) == "https",
    )
    return answer


def sign_out(request: web.BaseRequest, site: Site) -> web.Response:
    """Delete the cookie."""
    if not same_origin(request):
        return web.Response(status=403, text="this form was sent by another site\n")
    answer = web.Response(status=303, headers={"Location": site.url()})
    answer.del_cookie(COOKIE, path=site.base_path or "/", httponly=True, samesite="Strict")
    return answer


async def form_of(request: web.BaseRequest, limit: int = FORM_BYTES) -> dict[str, str] | None:
    """The fields of a form, the last value of each; None if it is longer than `limit` bytes."""
    body = bytearray()
    async for chunk in request.content.iter_chunked(limit):
        body += chunk
        if len(body) > limit:
            return None
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=2_000)
    return {name: values[-1] for name, values in fields.items()}


def local(target: str, site: Site) -> str:
    """The address if it belongs to this dashboard, else the first page."""
    inside = target.startswith(f"{site.base_path}/") and not target.startswith(("//", "/\\"))
    plain = all(" " < character < "\x7f" and character != "\\" for character in target)
    return target if inside and plain else site.url()
