"""The laws of SPEC section 4, each tried on dense examples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter.rules import allocation, plans
from tests.rules.laws import Law
from tests.rules.laws_of_allocation import ALLOCATION, PLANS


@pytest.mark.parametrize("law", ALLOCATION, ids=lambda law: law.text)
@given(example=st.data())
def test_allocation_keeps_law(law: Law, example: st.DataObject) -> None:
    law.holds(allocation, example.draw(law.examples))


@given(example=PLANS.examples)
def test_plans_stand_in_the_total_order(example: object) -> None:
    PLANS.holds(plans, example)
