"""Output topics are read alike, whatever else the process has changed about aiokafka."""

import asyncio
from types import SimpleNamespace

from aiokafka import TopicPartition

from meter.kafka.output_reader import OutputReader


class SlimConsumer:
    """Gives records as aiokafka does once `install_batches` was called: they name neither topic nor partition."""

    async def getmany(self, timeout_ms: int) -> dict[TopicPartition, list[SimpleNamespace]]:
        def record(offset: int, value: bytes | None) -> SimpleNamespace:
            return SimpleNamespace(offset=offset, timestamp=1_000 + offset, key=b"k", value=value)

        return {
            TopicPartition("wallets", 1): [record(4, b"a"), record(5, None)],
            TopicPartition("plans", 0): [record(7, b"b")],
        }


def test_records_name_their_topic_also_after_a_quote() -> None:
    found = asyncio.run(OutputReader(SlimConsumer(), None, ()).within(1))
    assert [tuple(each) for each in found] == [
        ("wallets", 1, 4, 1_004, b"k", b"a"),
        ("plans", 0, 7, 1_007, b"k", b"b"),
    ]
