"""Who may read and who may write: a bearer token, or a cookie that the sign-in form sets; compared in constant time.

The cookie holds a keyed digest of the token, not the token. It is valid until the token changes.
"""

import hmac
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import web
from pydantic import SecretStr

from meter.errors import UserError
from meter.settings import Settings

COOKIE = "meter_dashboard"
#: The message that a cookie's digest signs; raise the number when the format of cookies changes.
PURPOSE = b"usage-meter dashboard cookie 1"
BEARER = "bearer "
#: Longer tokens and cookies are not compared.
TOKEN_LIMIT = 1_024
SAFE_SITES = ("same-origin", "none")


@dataclass(frozen=True)
class Rights:
    """What a request may do."""

    read: bool
    write: bool
    #: Whether a token or cookie proved it.
    proven: bool


class Access:
    """The two tokens of a dashboard."""

    def __init__(self, settings: Settings) -> None:
        self._read = _secret(settings.dashboard_token)
        self._write = _secret(settings.dashboard_write_token)

    @property
    def open(self) -> bool:
        """Whether reading needs no token."""
        return self._read is None

    @property
    def write_token_set(self) -> bool:
        """Whether anybody may write at all."""
        return self._write is not None

    def rights(self, request: web.BaseRequest) -> Rights:
        """The access that a request's bearer token or cookie grants."""
        given = _bearer(request)
        cookie = request.cookies.get(COOKIE, "").encode()
        write = self._proves(self._write, given, cookie)
        read = self._proves(self._read, given, cookie)
        return Rights(read=self._read is None or read or write, write=write, proven=read or write)

    def cookie_for(self, token: str) -> str | None:
        """The cookie value for a token; None if it is neither of the two tokens."""
        given = token.encode()
        found = [secret for secret in (self._write, self._read) if secret is not None and _same(secret, given)]
        return _digest(found[0]) if found else None

    @staticmethod
    def _proves(secret: bytes | None, given: bytes | None, cookie: bytes) -> bool:
        if secret is None:
            return False
        by_header = given is not None and _same(secret, given)
        by_cookie = _same(_digest(secret).encode(), cookie)
        return by_header or by_cookie


def _secret(value: SecretStr | None) -> bytes | None:
    return value.get_secret_value().encode() if value is not None and value.get_secret_value() else None


def _digest(secret: bytes) -> str:
    return hmac.new(secret, PURPOSE, sha256).hexdigest()


def _same(secret: bytes, given: bytes) -> bool:
    return len(given) <= TOKEN_LIMIT and hmac.compare_digest(secret, given)


def _bearer(request: web.BaseRequest) -> bytes | None:
    header = request.headers.get("Authorization", "")
    if header[: len(BEARER)].lower() != BEARER:
        return None
    return header[len(BEARER) :].strip().encode("utf-8", "surrogateescape")


def check_binding(settings: Settings) -> None:
    """Refuse to listen beyond this machine without a read token."""
    if _secret(settings.dashboard_token) is None and not is_loopback(settings.dashboard_host):
        raise UserError(
            f"METER_DASHBOARD_HOST={settings.dashboard_host} can be reached from other machines and "
            "METER_DASHBOARD_TOKEN is not set; set a token, or listen on 127.0.0.1"
        )


def is_loopback(host: str) -> bool:
    """Whether a name or address is this machine only."""
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def same_origin(request: web.BaseRequest) -> bool:
    """Whether the browser's headers say that one of our pages sent the form; programs send no such headers and pass.

    Programs send a bearer token, which no foreign page can add.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in SAFE_SITES
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.host


def host_is_ours(request: web.BaseRequest, access: Access) -> bool:
    """Whether to serve this host name: without a token only this machine's names, against DNS rebinding."""
    host = request.host.rsplit(":", 1)[0] if not request.host.endswith("]") else request.host
    return not access.open or is_loopback(host)
