"""Errors of Kafka that say that a right is missing: trying again is no use."""

from collections.abc import Iterator

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)

DENIED = (
    TopicAuthorizationFailedError,
    GroupAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    ClusterAuthorizationFailedError,
)


def chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what it came from, the last first."""
    seen: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in seen:
        seen.append(following)
        yield following
        context = None if following.__suppress_context__ else following.__context__
        following = following.__cause__ or context


def denied(error: BaseException) -> bool:
    """Whether Kafka refused something for want of a right."""
    return any(isinstance(each, DENIED) for each in chain(error))
