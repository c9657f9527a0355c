"""Brings an open page up to date by one server-sent event: the changed parts, each with its place.

The only state is the key of every part that the page has. However much changes and however
slowly it reads, it gets the newest state of each part once.
"""

from collections.abc import Iterable
from typing import Any

from meter.dashboard.pages.parts import Part, digest, filled, stamp
from meter.dashboard.pages.render import Prepared


class OpenPage:
    """One open page."""

    def __init__(self, seen: str) -> None:
        """`seen`: the digest of the page's state; if empty or unknown, the page gets every part."""
        self._seen = seen
        self._keys: dict[str, Any] = {}
        self._stamps: dict[str, bytes] = {}

    def news(self, prepared: Prepared, beat: bool) -> bytes | None:
        """The event that brings the page up to date; None if it already is, unless a `beat` is due."""
        parts = prepared.parts
        changed = self._changed(parts)
        if not changed and not beat:
            return None
        texts = [placed(prepared.as_of.id, filled(prepared.as_of, prepared.shared))]
        frames = {part.id for part in changed} & {part.within for part in parts}
        for part in changed:
            if part.within not in frames:
                inner = [filled(each, prepared.shared) for each in parts if each.within == part.id]
                texts.append(placed(part.id, filled(part, prepared.shared, inner)))
        return event("".join(texts), digest(self._stamps[part.id] for part in parts))

    def _changed(self, parts: list[Part]) -> list[Part]:
        """The parts that differ from the page's; they count as sent from now on."""
        first = not self._keys
        changed = [part for part in parts if part.id not in self._keys or self._keys[part.id] != part.key]
        gone = self._keys.keys() - {part.id for part in parts}
        for name in gone:
            del self._keys[name], self._stamps[name]
        for part in changed:
            self._keys[part.id], self._stamps[part.id] = part.key, stamp(part)
        if first and digest(self._stamps[part.id] for part in parts) == self._seen:
            return []
        return changed


def placed(part_id: str, text: str) -> str:
    """A part for htmx: it is morphed into the element with its id."""
    return f'<hx-partial id="{part_id}" hx-swap="outerMorph">{text}</hx-partial>'


def event(data: str, event_id: str = "", name: str = "") -> bytes:
    """A server-sent event."""
    lines: Iterable[str] = (f"data: {line}" for line in data.splitlines() or [""])
    head = [f"event: {name}"] if name else []
    return "\n".join([*head, *([f"id: {event_id}"] if event_id else []), *lines, "", ""]).encode("utf-8", "replace")
