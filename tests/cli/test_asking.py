"""What only reads is asked again while a broker goes, and nothing is asked twice where no waiting helps."""

import asyncio

import pytest
from aiokafka.errors import KafkaConnectionError, NodeNotReadyError, TopicAuthorizationFailedError

from meter.cli import asking
from meter.cli.asking import asked_again
from meter.errors import UserError
from meter.kafka.reachability import BrokerUnreachable


def explained(sentence: UserError, cause: Exception) -> UserError:
    """A sentence as commands raise it: from the client's error."""
    sentence.__cause__ = cause
    return sentence


#: As a command meets them within seconds of a broker's death.
PASSING = {
    "a broker that is not connected yet": explained(UserError("did not do what was asked"), NodeNotReadyError()),
    "a connection that broke": KafkaConnectionError(),
    "a silence": TimeoutError(),
    "a request without an answer": explained(UserError("did not do what was asked"), TimeoutError()),
    "an answer that came a moment later": explained(
        BrokerUnreachable("answers now", back=True), KafkaConnectionError()
    ),
}
LASTING = {
    "no broker": explained(BrokerUnreachable("no Kafka answers"), KafkaConnectionError()),
    "a right that is missing": TopicAuthorizationFailedError(),
    "what the user can mend": UserError("there is no topic overages"),
}


def times(attempts: list[Exception | str]) -> tuple[str, int]:
    """What is answered in the end, and how often was asked."""
    asked = 0

    async def ask() -> str:
        nonlocal asked
        asked += 1
        found = attempts[min(asked, len(attempts)) - 1]
        if isinstance(found, Exception):
            raise found
        return found

    try:
        return asyncio.run(asked_again(ask)), asked
    except Exception as error:
        return type(error).__name__, asked


@pytest.fixture(autouse=True)
def _in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "PAUSE_SECONDS", 0.0)


@pytest.mark.parametrize("error", PASSING.values(), ids=PASSING)
def test_what_passes_is_asked_again(error: Exception) -> None:
    assert times([error, error, "figures"]) == ("figures", 3)


@pytest.mark.parametrize("error", LASTING.values(), ids=LASTING)
def test_a_lasting_reason_is_given_at_once(error: Exception) -> None:
    assert times([error, "figures"]) == (type(error).__name__, 1)


def test_what_does_not_pass_is_logged_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "AGAIN_SECONDS", 0.05)
    name, asked = times([NodeNotReadyError()])
    assert name == "NodeNotReadyError"
    assert asked > 1
