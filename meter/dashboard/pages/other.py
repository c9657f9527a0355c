"""The small pages: the sign-in form, an error, a document."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from meter.dashboard.pages.environment import slug
from meter.dashboard.pages.parts import Part, View, no_context

Model = Mapping[str, Any]
#: Suffixes of links to other documents.
SHOWN = (".md", ".svg", ".png")


def no_parts(model: Model, made: dict[str, Any]) -> list[Part]:
    """A page that never changes."""
    return []


def document(model: Model) -> dict[str, Any]:
    """The document as HTML, and its headings; Markdown's own HTML is not let through."""
    text, headings = rendered_markdown(model["markdown"])
    return {"content": text, "headings": headings}


@lru_cache(64)
def rendered_markdown(source: str) -> tuple[Markup, list[tuple[int, str, str]]]:
    """Markdown as HTML (raw HTML shown as text) and its headings: level, anchor, words."""
    reader = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable(["table", "strikethrough"])
    tokens = reader.parse(source)
    headings = []
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            words = tokens[place + 1].content
            anchor = anchor_of(words)
            token.attrSet("id", anchor)
            headings.append((int(token.tag[1]), anchor, words.replace("`", "")))
        elif token.type == "inline":
            _lead(token)
        elif token.type in ("fence", "code_block"):
            token.attrSet("tabindex", "0")
    return Markup(reader.renderer.render(tokens, reader.options, {})), headings


def anchor_of(words: str) -> str:
    """The anchor of a heading, as GitHub makes it."""
    kept = "".join(letter for letter in words.lower() if letter.isalnum() or letter in "-_ ")
    return kept.replace(" ", "-") or slug(words)


def _lead(inline: Token) -> None:
    """Keep relative links to other documents; remove the address of a link to anything else (code, samples)."""
    for child in inline.children or []:
        if child.type != "link_open":
            continue
        target = str(child.attrGet("href") or "")
        path = target.partition("#")[0]
        if "://" in target:
            child.attrSet("rel", "noreferrer")
        elif path and ("/" in path.removeprefix("images/") or not path.endswith(SHOWN)):
            del child.attrs["href"]


SIGN_IN = View("sign_in.html", "-", no_context, no_parts, live=False, has_json=False)
PROBLEM = View("problem.html", "-", no_context, no_parts, live=False, has_json=False)
DOCS = View("docs/page.html", "docs", document, no_parts, live=False, has_json=False)
