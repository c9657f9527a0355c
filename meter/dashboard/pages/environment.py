"""The templates' environment: everything is escaped, nothing undefined passes, foreign text is made harmless.

Event ids, bytes of dead letters and error sentences are untrusted: `foreign` shows control and bidi characters
as code points and truncates long text, and the template puts the text into a `<bdi>`.
"""

import hashlib
import re
import shlex
from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from meter.dashboard.pages import figures, written
from schemas.plurals import counted

#: Characters of foreign text in a cell; its title has ten times as many.
FOREIGN_SHOWN = 120
#: Characters of a name in a narrow place.
NAME_SHOWN = 32
#: Characters of an element's id; a longer one is its hash.
SLUG_LIMIT = 400
#: Characters of any other text: a command, an address.
EXPRESSION_LIMIT = 4_000
#: Characters that change the text direction, are invisible or break a log line: shown as code points.
UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


def foreign(text: object, limit: int = FOREIGN_SHOWN) -> str:
    """Foreign text for a page: unseen characters as `⟨U+202E⟩`, at most `limit` characters."""
    whole = str(text)
    cut = whole if len(whole) <= limit else f"{whole[:limit]}… ({len(whole):,} characters)"
    return UNSEEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", cut)


def clip(text: object, limit: int = NAME_SHOWN) -> str:
    """A name for a narrow place: invisible characters as `⟨U+202E⟩`, a longer name ends in `…`."""
    whole = str(text)
    cut = whole if len(whole) <= limit else f"{whole[: limit - 1]}…"
    return UNSEEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", cut)


def capitalize_first(text: object) -> str:
    """A sentence with a capital letter, the rest as it is."""
    whole = str(text)
    return whole[:1].upper() + whole[1:]


def coded(text: object) -> Markup:
    """A sentence whose commands are between backticks, with them as code; everything else is escaped."""
    return Markup(re.sub(r"`([^`]{1,200})`", r"<code>\1</code>", str(escape(text))))


def slug(text: object) -> str:
    """A part of an element's id: letters, digits and `-`; everything else as its code point between underscores."""
    name = str(text)
    return _slug(name) if len(name) <= SLUG_LIMIT else _slug.__wrapped__(name)


@lru_cache(8_192)
def _slug(name: str) -> str:
    whole = re.sub(r"[^A-Za-z0-9-]", lambda found: f"_{ord(found[0]):x}_", name)
    return whole if len(whole) <= SLUG_LIMIT else hashlib.blake2b(whole.encode(), digest_size=16).hexdigest()


def harmless(value: Any) -> Any:
    """Finalizes every template expression: text without a filter is truncated and made harmless too."""
    if type(value) is not str:
        return value
    return foreign(value, EXPRESSION_LIMIT) if len(value) > EXPRESSION_LIMIT or UNSEEN.search(value) else value


@lru_cache(1)
def environment() -> Environment:
    """The one environment of the process; templates are compiled once."""
    made = Environment(
        loader=PackageLoader("meter.dashboard.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=harmless,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(
        short=figures.short,
        full=figures.full,
        money=figures.money,
        foreign=foreign,
        clip=clip,
        capitalize_first=capitalize_first,
        coded=coded,
        shell=lambda text: shlex.quote(str(text)),
        slug=slug,
        long_day=figures.long_day,
        day_words=figures.day_words,
        clock=figures.clock,
        moment=figures.moment,
        ago=figures.ago,
        counted=counted,
    )
    made.globals.update(percent=figures.percent, quantity=written.quantity, in_money=written.in_money)
    return made


def rendered(template: str, context: dict[str, Any]) -> str:
    """A template of this package, filled in."""
    return environment().get_template(template).render(context)
