"""The laws of deciding orders, each tried on dense stories."""

from collections import Counter

import pytest
from hypothesis import Phase, given, settings

from meter.rules import orders
from schemas.reasons import Refusal
from tests.rules.laws import Law
from tests.rules.laws_of_orders import ORDERS
from tests.rules.order_stories import Step, played, stories
from tests.rules.order_world import KINDS


@pytest.mark.parametrize("law", ORDERS, ids=lambda law: law.text)
def test_orders_keep_law(law: Law) -> None:
    law.check(orders, most=150)


def test_the_stories_accept_every_kind_often_and_break_nearly_every_law() -> None:
    accepted: Counter[str] = Counter()
    refused: Counter[Refusal] = Counter()

    @settings(max_examples=300, derandomize=True, database=None, deadline=None, phases=(Phase.generate,))
    @given(stories())
    def play(story: list[Step]) -> None:
        for _, order, _, decision in played(orders, story):
            accepted[order["kind"]] += decision.accepted
            if decision.refusal is not None:
                refused[decision.refusal] += 1

    play()
    assert all(accepted[kind] >= 30 for kind in KINDS), accepted
    assert set(Refusal) - refused.keys() <= {Refusal.TOO_MANY_PLANS, Refusal.TOO_MANY_TRAFFIC_LINES}
    assert sum(accepted.values()) > sum(refused.values()), refused
