"""The frame of every page, and the one helper that makes addresses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from meter.dashboard.models import AsOf, Loading


@dataclass(frozen=True)
class Site:
    """A request as templates see it.

    `path` is the address without base path and suffix, such as `/accounts/acct_1/plans`; `query` has one value a name.
    """

    base_path: str
    version: str
    path: str
    query: Mapping[str, str]
    #: Whether this reader may send orders and dead letters.
    writable: bool
    time_zone: str
    as_of: AsOf | None
    #: None once everything published before the start has been read.
    loading: Loading | None
    #: Whether a token is required, so that a page can offer to sign out.
    signed_in: bool = False
    #: Whether METER_DASHBOARD_WRITE_TOKEN is set: whoever has it can write.
    write_token_set: bool = False
    #: For state-changing forms: their origin is checked anyway, this lets templates say so.
    parts: tuple[str, ...] = field(default=())

    def url(self, *parts: str, form: str = "", query: Mapping[str, object] | None = None) -> str:
        """The address of a page: `url("accounts", a, "days", d)`; `form` is `json`, `csv` or empty.

        Every part is escaped by itself, so an id can never change the path. `url()` is the first page.
        """
        path = "/".join(quote(part, safe="") for part in parts)
        suffix = f".{form}" if form else ""
        if suffix and not path:
            path = "index"
        given = {name: str(value) for name, value in (query or {}).items() if value not in (None, "")}
        asked = f"?{urlencode(given)}" if given else ""
        return f"{self.base_path}/{path}{suffix}{asked}"

    def here(self, form: str = "", **changes: object) -> str:
        """This page's address with a changed query; a change to None or "" removes the name."""
        return self.url(*self.parts, form=form, query={**self.query, **changes})
