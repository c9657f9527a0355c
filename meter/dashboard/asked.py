"""Parses a request: the parts of the address, the form of the answer, the query."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from multidict import MultiMapping

FORMS = ("json", "csv", "events", "css")
#: Addresses of the first page.
FIRST = ("index", "accounts")
#: Most parts of an address, and characters of one part; longer addresses do not exist.
PARTS_LIMIT, PART_LIMIT = 8, 256


@dataclass(frozen=True)
class Asked:
    """A page and its form; `parts` are unescaped; repeated names in the query are joined with spaces."""

    parts: tuple[str, ...]
    #: `json`, `csv`, `events` (what changes on the page), `css` (of the sign-in form), or empty for a page.
    form: str
    query: Mapping[str, str]

    @property
    def path(self) -> str:
        """The address in words, for titles."""
        return "/" + "/".join(self.parts)


def asked_of(raw_path: str, query: MultiMapping[str], base_path: str) -> Asked | None:
    """Parse an address; None outside the base path, and for an address that cannot be ours."""
    path = raw_path.partition("?")[0]
    if base_path:
        if path != base_path and not path.startswith(f"{base_path}/"):
            return None
        path = path[len(base_path) :]
    try:
        parts = [unquote(part, errors="strict") for part in path.split("/") if part]
    except UnicodeDecodeError:
        return None
    if len(parts) > PARTS_LIMIT or any(len(part) > PART_LIMIT or part in (".", "..") for part in parts):
        return None
    form = ""
    if parts and parts[0] not in ("assets", "docs"):
        parts[-1], form = _without_form(parts[-1])
        if len(parts) == 1 and parts[0] in ("", *FIRST):
            parts = []
    return Asked(tuple(parts), form, {name: " ".join(filter(None, query.getall(name))) for name in query})


def _without_form(last: str) -> tuple[str, str]:
    for form in FORMS:
        if last.endswith(f".{form}"):
            return last.removesuffix(f".{form}"), form
    return last, ""
