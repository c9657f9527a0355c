"""Topic ids: a topic that is deleted and made again gets another id. aiokafka does not ask for them.

Metadata version 12 is the first that answers them for names (Kafka 3.0; the meter needs 3.6).
"""

from collections.abc import Iterable
from io import BytesIO
from typing import Any, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import TopicAuthorizationFailedError, UnknownTopicOrPartitionError, for_code
from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields

ID_BYTES = 16


class Uuid(AbstractType[bytes]):
    """Sixteen bytes."""

    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value

    @classmethod
    def decode(cls, data: BytesIO) -> bytes:
        return data.read(ID_BYTES)


class _Answer(Response):
    API_KEY = 3
    API_VERSION = 12
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", CompactString("utf-8")),
                ("topic_id", Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _Question(RequestStruct):
    FLEXIBLE_VERSION = True
    API_KEY = 3
    API_VERSION = 12
    RESPONSE_TYPE = _Answer
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(("topic_id", Uuid), ("name", CompactString("utf-8")), ("tags", TaggedFields)),
        ),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _Ask(Request[_Question]):
    API_KEY = 3

    def __init__(self, names: Iterable[str], operations: bool = False) -> None:
        self._names = list(names)
        self._operations = operations

    def build(self, request_struct_class: type[_Question]) -> _Question:
        names = [(bytes(ID_BYTES), name, dict[int, bytes]()) for name in self._names]
        return request_struct_class(names, False, self._operations, {})


class TopicState(NamedTuple):
    """One topic as it is now."""

    id: str
    partitions: int


async def topic_states(
    admin: AIOKafkaAdminClient, names: Iterable[str], *, certain: bool = True
) -> dict[str, TopicState]:
    """The existing topics of these names.

    KafkaError if the broker is not certain or may not answer; with `certain=False` such a topic is left out.
    """
    answer: Any = await admin._send_request(_Ask(names))
    found = {}
    for topic in answer.to_object()["topics"]:
        error = for_code(topic["error_code"])
        if error is UnknownTopicOrPartitionError:
            continue
        if topic["error_code"] and not certain:
            continue
        if topic["error_code"]:
            raise error(topic["name"])
        found[topic["name"]] = TopicState(topic["topic_id"].hex(), len(topic["partitions"]))
    return found


async def topic_operations(client: AIOKafkaClient, names: Iterable[str]) -> dict[str, int | None]:
    """The operations allowed on topics of these names, existing or not, as bits by the operation's number.

    None for a topic that may not even be described: then Kafka answers nothing about it.
    """
    answer: Any = await client.send(client.get_random_node(), _Ask(names, operations=True))
    return {
        topic["name"]: None if for_code(topic["error_code"]) is TopicAuthorizationFailedError else topic["operations"]
        for topic in answer.to_object()["topics"]
    }
