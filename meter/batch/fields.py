"""The fields of one record, read without trust in its producer: never beyond the bytes there are."""

from aiokafka.record.util import decode_varint_py

#: The most bytes of a number that may be 64 bits.
VARINT_BYTES = 10


class Torn(ValueError):
    """Lengths that do not add up."""


class Cursor:
    """Reads one record's fields, never beyond its end."""

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
        """A length or number of things, which its bytes can hold."""
        size = self.number()
        if not 0 <= size <= len(self.body) - self.at:
            raise Torn(f"a {what} of {size} where {len(self.body) - self.at} bytes are left")
        return size

    def content(self) -> bytes | None:
        """Bytes, or none where the length is negative."""
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
