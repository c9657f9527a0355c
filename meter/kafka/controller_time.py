"""The time by Kafka's own clock, asked without writing anything.

Of all answers only DescribeQuorum's names it: the controller that answers says that its own copy of the metadata is
caught up now. Kafka answers it since 3.3 where it runs without ZooKeeper, to users with Describe on the cluster.
"""

from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import CompactArray, CompactString, Int16, Int32, Int64, Schema, TaggedFields

METADATA = "__cluster_metadata"
_REPLICAS = CompactArray(
    ("replica_id", Int32),
    ("log_end_offset", Int64),
    ("last_fetch_ms", Int64),
    ("caught_up_ms", Int64),
    ("tags", TaggedFields),
)


class _Answer(Response):
    API_KEY = 55
    API_VERSION = 1
    SCHEMA = Schema(
        ("error_code", Int16),
        (
            "topics",
            CompactArray(
                ("name", CompactString("utf-8")),
                (
                    "partitions",
                    CompactArray(
                        ("partition", Int32),
                        ("error_code", Int16),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("high_watermark", Int64),
                        ("voters", _REPLICAS),
                        ("observers", _REPLICAS),
                        ("tags", TaggedFields),
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _Question(RequestStruct):
    FLEXIBLE_VERSION = True
    API_KEY = 55
    API_VERSION = 1
    RESPONSE_TYPE = _Answer
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(
                ("name", CompactString("utf-8")),
                ("partitions", CompactArray(("partition", Int32), ("tags", TaggedFields))),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _Ask(Request[_Question]):
    API_KEY = 55

    def build(self, request_struct_class: type[_Question]) -> _Question:
        tags = dict[int, bytes]()
        return request_struct_class([(METADATA, [(0, tags)], tags)], tags)


async def controller_time_ms(admin: AIOKafkaAdminClient) -> int:
    """The controller's time now, in ms since 1970.

    ClusterAuthorizationFailedError without the right; another KafkaError if Kafka has no such answer.
    """
    answer: Any = await admin._send_request(_Ask())
    found = answer.to_object()
    quorum = found["topics"][0]["partitions"][0] if found["topics"] else found
    if found["error_code"] or quorum["error_code"]:
        raise for_code(found["error_code"] or quorum["error_code"])(METADATA)
    return next(int(each["caught_up_ms"]) for each in quorum["voters"] if each["replica_id"] == quorum["leader"])
