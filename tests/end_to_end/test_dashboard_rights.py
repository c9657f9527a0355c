"""A dashboard that may not order says which right it lacks, when somebody orders; nothing else of it ends."""

import asyncio
from functools import partial

import pytest

from meter.dashboard.orders.known import Known
from meter.dashboard.orders.sending import FAILED, Sending
from meter.errors import UserError
from meter.kafka.rights import MissingRights, Right, of_command
from schemas.orders import order_from_json
from tests.end_to_end.strangers import User, until, user_of
from tests.support.clusters import Cluster

pytestmark = pytest.mark.e2e

TOP_UP = b'{"order_id":"t-1","account":"acct","kind":"top_up","method":"cash","amount":"1.00"}'


@pytest.fixture(scope="module")
def dashboard_user(secure_node: Cluster) -> User:
    """Somebody with topics, and no rights yet."""
    user = user_of(secure_node)
    user.create_topics()
    return user


def sent(user: User) -> str:
    """What is said of an order that is sent: where it stands, or why it is not sent."""

    async def send() -> str:
        sending = Sending(user.settings, {}, lambda account: None)
        order = sending.begin(order_from_json(TOP_UP), "seen")
        await sending.acknowledged(order)
        await sending.close()
        return order.error or "" if order.state == FAILED else order.state

    return asyncio.run(send())


def lacks_only(user: User, right: Right) -> bool:
    """Whether this right is the one that an order is not sent for."""
    return f"may not {right};" in sent(user)


def test_sending_an_order_names_each_right_that_is_missing(dashboard_user: User) -> None:
    rights = of_command(dashboard_user.settings, "buy")
    assert {right.operation.word for right in rights} == {"Write", "Read"}
    assert all(str(right) in sent(dashboard_user) for right in rights)
    for right in rights:
        others = [other for other in rights if other != right]
        dashboard_user.grant(others)
        assert until(partial(lacks_only, dashboard_user, right), True)
        dashboard_user.revoke(*others)
    dashboard_user.grant(rights)
    assert until(lambda: sent(dashboard_user), "sent") == "sent"
    dashboard_user.revoke(*rights)


def test_a_quote_names_each_right_that_is_missing(dashboard_user: User) -> None:
    rights = of_command(dashboard_user.settings, "quote")

    def lacking() -> tuple[Right, ...]:
        try:
            asyncio.run(Known(dashboard_user.settings).judged_by("acct", []))
        except UserError as error:
            return error.rights if isinstance(error, MissingRights) else ()
        return ()

    assert set(lacking()) == set(rights)
    dashboard_user.grant(rights[1:])
    assert until(lacking, rights[:1]) == rights[:1]


def test_the_table_asks_for_both_of_a_dashboard_that_writes(dashboard_user: User) -> None:
    settings = dashboard_user.settings
    writing = {str(right) for right in of_command(settings, "dashboard (writing)")}
    assert {str(right) for right in of_command(settings, "buy", "quote")} <= writing
    assert f"Write topic {settings.topic_prefix}plan-purchases" in writing
