"""Decodes the fields of one record without trusting its producer: never beyond its bytes."""

from aiokafka.record.util import decode_varint_py

#: The most bytes of a varint of 64 bits.
VARINT_BYTES = 10


class Torn(ValueError):
    """The record's lengths do not add up."""


class Cursor:
    """Decodes one record's fields, never beyond its end."""

    def __init__(self, body: bytes, at: int) -> None:
        self.body = body
        self.at = at

    def number(self) -> int:
        try:
            number, self.at = decode_varint_py(self.body, self.at)
        except (IndexError, ValueError) as error:
            raise Torn(f"it ends, or has no number, at byte {self.at}") from error
        return int(number)

    def size(self, what: str) -> int:
        """A length or count that fits into the bytes left."""
        size = self.number()
        if not 0 <= size <= len(self.body) - self.at:
            raise Torn(f"a {what} of {size} where {len(self.body) - self.at} bytes are left")
        return size

    def content(self) -> bytes | None:
        """Bytes; None if the length is negative."""
        before = self.at
        if self.number() < 0:
            return None
        self.at = before
        size = self.size("length")
        self.at += size
        return self.body[self.at - size : self.at]

    def header(self) -> tuple[str, bytes | None]:
        size = self.size("header name's length")
        name = self.body[self.at : self.at + size].decode("utf-8", "replace")
        self.at += size
        return name, self.content()
