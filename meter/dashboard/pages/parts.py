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

    `key` is what it is made of: equal keys give equal elements. A frame holds other parts (`within` names it); its key
    says which, so that it is sent itself only when one comes or goes.
    """

    id: str
    template: str
    key: Any
    context: Context = field(default_factory=dict)
    within: str = ""
    #: Set for what never changes once it is there, such as a change of the feed: its text is kept under this name.
    lasting: tuple[str, ...] = ()


@dataclass(frozen=True)
class View:
    """A page: its template, what the template is given beside the model, its parts, and where it stands in the menu."""

    template: str
    section: str
    context: Callable[[Context], dict[str, Any]]
    parts: Callable[[Context, dict[str, Any]], list[Part]]
    #: Whether the page keeps itself up to date.
    live: bool = True
    has_json: bool = True
    #: `page` where the menu's entry is this page, `true` where it is the one that leads here.
    current: str = "page"
    csv: bool = False
    #: Scripts beside the one that every page has, of a page that is not live.
    scripts: tuple[str, ...] = ()


def no_context(model: Context) -> dict[str, Any]:
    """A page that shows its model as it is."""
    return {}


def stamp(part: Part) -> bytes:
    """What a part is made of, as a hash."""
    return hashlib.blake2b(f"{part.id}\0{part.key!r}".encode("utf-8", "surrogatepass"), digest_size=8).digest()


def digest(stamps: Iterable[bytes]) -> str:
    """All parts of a page in a few letters: two pages with one digest show the same."""
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


#: Texts of what never changes: the newest changes of some hundred accounts, a few MB.
TEXTS_KEPT = 4_096
_texts: dict[tuple[str, ...], Markup] = {}


def filled_all(parts: Iterable[Part], shared: Context) -> dict[str, Markup]:
    """Every part by its id, frames with what is within them."""
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
