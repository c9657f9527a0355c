"""The rights on a consumer group, and its members.

aiokafka sends DescribeGroups version 3 but decodes the answer as version 2.
"""

from typing import Any, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import for_code
from aiokafka.protocol.admin import DescribeGroupsRequest_v3, DescribeGroupsResponse_v3
from aiokafka.protocol.api import Request


class _Question(DescribeGroupsRequest_v3):
    RESPONSE_TYPE = DescribeGroupsResponse_v3


class _Ask(Request[_Question]):
    API_KEY = _Question.API_KEY

    def __init__(self, group: str) -> None:
        self._group = group

    def build(self, request_struct_class: type[_Question]) -> _Question:
        return request_struct_class([self._group], True)


async def group_described(admin: AIOKafkaAdminClient, group: str) -> tuple[int, int]:
    """The operations allowed on a group (bits by the operation's number), and its number of members.

    KafkaError without the right Describe, or if the coordinator is missing.
    """
    answer: Any = await admin._send_request(_Ask(group), await admin.find_coordinator(group))
    described = answer.to_object()["groups"][0]
    if described["error_code"]:
        raise for_code(described["error_code"])(group)
    return int(described["authorized_operations"]), len(described["members"])


class Member(NamedTuple):
    """A member of a group: client id, host, and the bytes of its assignment."""

    client: str
    host: str
    assignment: bytes


async def group_members(admin: AIOKafkaAdminClient, group: str) -> tuple[str, list[Member]]:
    """The state of a group, as Kafka names it, and its members; raises KafkaError."""
    answer: Any = await admin._send_request(_Ask(group), await admin.find_coordinator(group))
    described = answer.to_object()["groups"][0]
    if described["error_code"]:
        raise for_code(described["error_code"])(group)
    members = [
        Member(str(each["client_id"]), str(each["client_host"]).lstrip("/"), bytes(each["member_assignment"] or b""))
        for each in described["members"]
    ]
    return str(described["state"]), members
