"""Reads CloudEvents in Kafka's binary mode: attributes in `ce_…` headers, the value is the data.

The headers alone decide the mode (docs/spec.md §8). Both modes give the same fields, so the same rules judge them: as a
dict for `schemas.usage`, or as the struct of the fast path for ordinary events.
"""

from collections.abc import Sequence

STRUCTURED = b"application/cloudevents+json"
#: How the attributes' headers begin in CloudEvents' HTTP binding.
HTTP_PREFIX = "ce-"
BATCH = b"application/cloudevents-batch"
#: The attributes that the meter reads; all others are extensions, which are ignored.
ATTRIBUTES = ("specversion", "id", "source", "type", "subject", "time")
_HEADERS = {f"ce_{name}": name for name in ATTRIBUTES}

Headers = Sequence[tuple[str, bytes | None]]


def is_structured(headers: Headers) -> bool:
    """Whether the only header is a content type of structured mode, as most producers of it send."""
    if len(headers) > 1:
        return False
    name, value = headers[0]
    return name == "content-type" and value is not None and len(value) < 100 and value.startswith(STRUCTURED)


class CloudEventMode:
    """The headers of a record, read once: their size, the mode, and in binary mode the attributes.

    The last of repeated headers counts, and a header without a value is absent, as with JSON fields. An attribute that
    is not UTF-8 stays bytes, which no field accepts.
    """

    __slots__ = ("attributes", "batch", "http_header", "size")

    def __init__(self, headers: Headers) -> None:
        self.size = 0
        content_type = b""
        #: The name of a header of CloudEvents' HTTP binding, which is none of the Kafka binding; "" without one.
        self.http_header = ""
        found: dict[str, str | bytes | None] = {}
        for name, value in headers:
            self.size += (len(name) if name.isascii() else len(name.encode("utf-8", "replace"))) + len(value or b"")
            name = name.lower()
            if name == "content-type":
                content_type = (value or b"").lstrip().lower()
            elif name in _HEADERS:
                found[_HEADERS[name]] = value
            elif name.startswith(HTTP_PREFIX):
                self.http_header = name
        self.batch = content_type.startswith(BATCH)
        structured = self.batch or content_type.startswith(STRUCTURED) or found.get("specversion") is None
        #: The attributes present in binary mode; None in structured mode.
        self.attributes = None if structured else {name: _text(value) for name, value in found.items()}


def _text(value: str | bytes | None) -> str | bytes | None:
    try:
        return value.decode() if isinstance(value, bytes) else value
    except UnicodeDecodeError:
        return value
