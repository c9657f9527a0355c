"""The documents of this version: `docs/` of the source tree, or where the installed package put them."""

import re
import sys
from functools import lru_cache
from pathlib import Path

import meter
from meter.dashboard.models import DocsPage
from meter.dashboard.sight import NotThere

#: Where an installation has them (`tool.setuptools.data-files`).
INSTALLED = Path("share/doc/usage-meter")
FIRST = "start.md"
PICTURES = {".svg": "image/svg+xml", ".png": "image/png"}
#: A document's address below /docs; it cannot leave the directory.
NAME = re.compile(r"(?:images/)?[a-z0-9-]+\.(?:md|svg|png)", re.ASCII)
TITLE = re.compile(r"^# (.+)$", re.MULTILINE)


@lru_cache(1)
def directory() -> Path | None:
    """The directory of the documents; None if this installation has none."""
    beside = Path(meter.__file__).parent.parent / "docs"
    for place in (beside, Path(sys.prefix) / INSTALLED):
        if (place / FIRST).is_file():
            return place
    return None


def names() -> list[str]:
    """All documents, the start page first."""
    place = directory()
    if place is None:
        return []
    return sorted((path.name for path in place.glob("*.md")), key=lambda name: (name != FIRST, name))


def document(name: str) -> DocsPage:
    """A document by its name; raises NotThere."""
    found = (name or FIRST).removesuffix(".md") + ".md"
    text = content(found).decode()
    title = TITLE.search(text)
    return DocsPage(name=found, title=title[1] if title else found, markdown=text, documents=names())


def content(name: str) -> bytes:
    """The bytes of a document or picture; raises NotThere."""
    place = directory()
    if place is None:
        raise NotThere("this installation has no documents; they are in docs/ of the source")
    if NAME.fullmatch(name) is None or not (place / name).is_file():
        raise NotThere("there is no such document; the list beside every document has all of them")
    return (place / name).read_bytes()
