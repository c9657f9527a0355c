"""Errors of Kafka that mean a missing right: trying again does not help."""

from collections.abc import Iterator

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
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
    """An error and its causes, the latest first."""
    seen: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in seen:
        seen.append(following)
        yield following
        context = None if following.__suppress_context__ else following.__context__
        following = following.__cause__ or context


def denied(error: BaseException) -> bool:
    """Whether Kafka refused something because a right is missing."""
    return any(isinstance(each, DENIED) for each in chain(error))


def topic_denied(error: BaseException) -> bool:
    """Whether Kafka refused something about a topic because a right on it is missing.

    aiokafka's question for a group's offsets raises a bare KafkaError that only names this error.
    """
    name = TopicAuthorizationFailedError.__name__
    return any(
        isinstance(each, TopicAuthorizationFailedError) or (type(each) is KafkaError and name in str(each))
        for each in chain(error)
    )
