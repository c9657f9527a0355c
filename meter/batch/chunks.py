"""A chunk: what one fetch brought of one partition, the unit that flows through Faust instead of single records."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import faust
from aiokafka import ConsumerRecord
from faust.types import TP

#: The most that is handed out of one partition and not yet released: one full chunk at work, one ready behind it; of
#: light ones more, which are joined: what came while a transaction was under way goes into the next one whole.
AHEAD = 32
FULL = 16
#: A chunk of at most so many records and bytes is a light one.
LIGHT_RECORDS, LIGHT_BYTES = 250, 128 << 10


@dataclass(slots=True, eq=False)
class Chunk:
    """Consecutive records of one partition.

    `position` is where reading goes on after it: not the last offset + 1, since transaction markers and
    compacted records occupy offsets too; `start` is where it went on before it. `epoch` names the reading it
    belongs to: a partition taken away, or begun anew, makes it void. `weight` is what it takes of `AHEAD`.
    """

    tp: TP
    records: Sequence[ConsumerRecord[bytes, bytes]]
    position: int
    epoch: int
    start: int = 0
    weight: int = FULL

    def joined(self, behind: "Chunk") -> "Chunk":
        """This chunk and the one that follows it, as one."""
        records, weight = [*self.records, *behind.records], self.weight + behind.weight
        return Chunk(self.tp, records, behind.position, self.epoch, self.start, weight)


def weight_of(records: Sequence[ConsumerRecord[bytes, bytes]]) -> int:
    """How much of `AHEAD` a chunk of these records takes."""
    light = len(records) <= LIGHT_RECORDS and sum(len(record.value or b"") for record in records) <= LIGHT_BYTES
    return 1 if light else FULL


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
