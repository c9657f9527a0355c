"""Rights given and taken, of which the authorizer knows when that is done: Kafka acknowledges a change before."""

from collections.abc import Iterable, Sequence
from typing import Any

from confluent_kafka.admin import (  # type: ignore[attr-defined] # exported all the same
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from tests.end_to_end.kafka import REQUEST_SECONDS, wait_until

#: What names a right in the client library.
Words = dict[str, Any]


def right_of(user: str, operation: str, resource: str, name: str, pattern: str) -> Words:
    """The right to do this to that."""
    return {
        "restype": ResourceType[resource],
        "name": name,
        "resource_pattern_type": ResourcePatternType[pattern],
        "principal": f"User:{user}",
        "host": "*",
        "operation": AclOperation[operation],
        "permission_type": AclPermissionType.ALLOW,
    }


def give(admin: AdminClient, rights: Sequence[Words]) -> None:
    """Gives rights, all at once."""
    if rights:  # the library takes no empty list
        for given in admin.create_acls([AclBinding(**each) for each in rights]).values():
            given.result(REQUEST_SECONDS)
    wait_until("the rights are known", lambda: all(_has(admin, rights)), REQUEST_SECONDS)


def take(admin: AdminClient, rights: Sequence[Words]) -> None:
    """Takes rights that were given in the same words, all at once; fails if one was not."""
    if rights:
        for sought, taken in admin.delete_acls([AclBindingFilter(**each) for each in rights]).items():
            assert taken.result(REQUEST_SECONDS), f"there is no right {sought}"
    wait_until("the rights are gone", lambda: not any(_has(admin, rights)), REQUEST_SECONDS)


def _has(admin: AdminClient, rights: Sequence[Words]) -> Iterable[bool]:
    """Of each right whether the authorizer knows it."""
    known: set[AclBinding] = set()
    for principal in {right["principal"] for right in rights}:
        everything: Words = {
            "restype": ResourceType.ANY,
            "name": None,
            "resource_pattern_type": ResourcePatternType.ANY,
            "principal": principal,
            "host": None,
            "operation": AclOperation.ANY,
            "permission_type": AclPermissionType.ANY,
        }
        known.update(admin.describe_acls(AclBindingFilter(**everything)).result(REQUEST_SECONDS))
    return (AclBinding(**right) in known for right in rights)
