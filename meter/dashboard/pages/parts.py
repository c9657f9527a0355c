"""Parts of a page: each is an element with an id that a template fills, and that is sent again when its key changes."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from meter.dashboard.pages.environment import environment

Context = Mapping[str, Any]


@dataclass(frozen=True)
class Part:
    """An element of a page that changes by itself.

    `key` identifies its content: equal keys give equal elements. A frame holds other parts (`within` names it); its key
    lists them, so the frame is resent only when a part comes or goes.
    """

    id: str
    template: str
    key: Any
    context: Context = field(default_factory=dict)
    within: str = ""
    #: Set for a part that never changes, such as an entry of the feed: its text is cached under this name.
    lasting: tuple[str, ...] = ()


@dataclass(frozen=True)
class View:
    """A page: its template, the template's input beyond the model, its parts, and its place in the menu."""

    template: str
    section: str
    context: Callable[[Context], dict[str, Any]]
    parts: Callable[[Context, dict[str, Any]], list[Part]]
    #: Whether the page updates itself.
    live: bool = True
    has_json: bool = True
    #: `page` where the menu's entry is this page, `true` where it is the one that leads here.
    current: str = "page"
    csv: bool = False
    #: Scripts beside the one that every page has, of a page that is not live.
    scripts: tuple[str, ...] = ()


def no_context(model: Context) -> dict[str, Any]:
    """A page that shows only its model."""
    return {}


def stamp(part: Part) -> bytes:
    """A hash of a part's content."""
    return hashlib.blake2b(f"{part.id}\0{part.key!r}".encode("utf-8", "surrogatepass"), digest_size=8).digest()


def digest(stamps: Iterable[bytes]) -> str:
    """A digest of all parts of a page: pages with equal digests show the same."""
    return hashlib.blake2b(b"".join(stamps), digest_size=9).hexdigest()


def filled(part: Part, shared: Context, nested: Iterable[Markup] = ()) -> Markup:
    """A part as HTML: escaped by its template."""
    if part.lasting:
        return _kept(part, shared)
    template = environment().get_template(part.template)
    return Markup(template.render({**shared, **part.context, "parts": list(nested)}))


def _kept(part: Part, shared: Context) -> Markup:
    name = (part.template, shared["site"].base_path, *part.lasting)
    found = _texts.get(name)
    if found is None:
        if len(_texts) >= TEXTS_KEPT:
            _texts.clear()
        template = environment().get_template(part.template)
        found = _texts[name] = Markup(template.render({**shared, **part.context}))
    return found


#: Most cached texts of constant parts: the newest changes of some hundred accounts, a few MB.
TEXTS_KEPT = 4_096
_texts: dict[tuple[str, ...], Markup] = {}


def filled_all(parts: Iterable[Part], shared: Context) -> dict[str, Markup]:
    """Every part by its id; a frame includes its parts."""
    found = list(parts)
    made: dict[str, Markup] = {}
    inner: dict[str, list[Markup]] = {}
    for part in found:
        if part.within:
            made[part.id] = filled(part, shared)
            inner.setdefault(part.within, []).append(made[part.id])
    for part in found:
        if not part.within:
            made[part.id] = filled(part, shared, inner.get(part.id, ()))
    return made
