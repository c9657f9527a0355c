"""The watch over rights: what is missing twice ends the worker, what mends itself does not."""

import asyncio

import pytest

from agents.rights_watch import LASTING_LOOKS, RightsWatch
from meter.kafka.reachability import BrokerUnreachable
from meter.kafka.rights import MissingRights, Operation, Right, of_role, workspace_topics
from meter.settings import Settings

SETTINGS = Settings(topic_prefix="p.")
INTAKE = of_role(SETTINGS, "intake")
GROUP = next(right for right in INTAKE if right.name == "p.meter-intake")
AWAY = BrokerUnreachable("no Kafka answers at kafka:9092", lasting=False)
WRONG_PASSWORD = BrokerUnreachable("kafka:9092 does not accept the user", lasting=True)


class Scripted(RightsWatch):
    """A watch whose looks find what the test says."""

    def __init__(self, *looks: list[Right] | Exception) -> None:
        super().__init__(SETTINGS, "role intake", INTAKE)
        self.looks = list(looks)

    async def _ask(self) -> list[Right]:
        found = self.looks.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


def looked(*looks: list[Right] | Exception) -> None:
    """Every look in its turn; raises what ends the worker."""
    watch = Scripted(*looks)

    async def all_of_them() -> None:
        while watch.looks:
            await watch.look()

    asyncio.run(all_of_them())


def test_a_right_that_is_missing_in_two_looks_ends_the_worker() -> None:
    with pytest.raises(MissingRights, match=r"role intake lacks a right .* may not Read group p\.meter-intake;"):
        looked([], [GROUP], [GROUP])


def test_a_grant_that_is_being_replaced_does_not() -> None:
    other = INTAKE[0]
    looked([GROUP], [], [GROUP], [other], [GROUP], [])


@pytest.mark.parametrize("operation", [Operation.READ, Operation.DESCRIBE_CONFIGS])
def test_workspace_topics_that_may_not_be_read_are_set_aside_and_the_worker_goes_on(operation: Operation) -> None:
    looked(*([[workspace_topics(SETTINGS, operation)]] * 3))


def test_workspace_topics_that_are_not_shown_end_it_with_the_right_to_grant() -> None:
    both = [workspace_topics(SETTINGS, Operation.READ), workspace_topics(SETTINGS, Operation.DESCRIBE)]
    with pytest.raises(MissingRights, match=r"may not Read topic p\.usage\.\*;"):
        looked(both, both)


def test_a_broker_that_is_away_is_waited_for_and_mentioned_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    looked(*([AWAY] * 10), TimeoutError(), [])
    assert [record.getMessage() for record in caplog.records] == ["no Kafka answers at kafka:9092; waiting for it"]


def test_a_password_that_no_longer_holds_ends_it_after_some_looks() -> None:
    looked(*([WRONG_PASSWORD] * (LASTING_LOOKS - 1)), AWAY, *([WRONG_PASSWORD] * (LASTING_LOOKS - 1)), [])
    with pytest.raises(BrokerUnreachable, match="does not accept the user"):
        looked(*([WRONG_PASSWORD] * LASTING_LOOKS))
