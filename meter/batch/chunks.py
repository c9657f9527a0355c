"""A chunk: what one fetch brought of one partition, the unit that flows through Faust instead of single records."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import faust
from aiokafka import ConsumerRecord
from faust.types import TP

#: Chunks of one partition handed out and not yet released: one at work, one ready behind it.
CHUNKS_AHEAD = 2


@dataclass(slots=True, eq=False)
class Chunk:
    """Consecutive records of one partition.

    `position` is where reading goes on after it: not the last offset + 1, since transaction markers and
    compacted records occupy offsets too; `start` is where it went on before it. `epoch` names the reading it
    belongs to: a partition taken away, or begun anew, makes it void.
    """

    tp: TP
    records: Sequence[ConsumerRecord[bytes, bytes]]
    position: int
    epoch: int
    start: int = 0


class ChunkSchema(faust.Schema):
    """Passes a chunk through Faust's decoding untouched."""

    def loads_key(self, app: Any, message: Any, *, loads: Any = None, serializer: Any = None) -> None:
        return None

    def loads_value(self, app: Any, message: Any, *, loads: Any = None, serializer: Any = None) -> Any:
        return message.value

    def compile(
        self, app: Any, *, on_key_decode_error: Any, on_value_decode_error: Any, default_propagate: bool = False
    ) -> Any:
        create_event = app.create_event

        async def decode(message: Any, *, propagate: bool = False) -> Any:
            return create_event(None, message.value, (), message)

        return decode
