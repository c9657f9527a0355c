"""A plan has at most 1,000 unexpired traffic lines: the rules, the recount and the oracle count them alike."""

from collections.abc import Callable

import pytest

from meter.rules.billing_days import zone
from meter.verify import orders as recount
from meter.verify.catalog import PriceBook
from schemas.orders import canonical
from tests import oracle_orders
from tests.oracle_catalog import of_product
from tests.oracle_orders_reading import Order, read_order
from tests.oracle_reading import Sent
from tests.rules.order_world import BOUGHT_ON, DEFAULT_CATALOG, Json, World, order_of, read

#: Decides an order of the day; the reason for which it is refused, or None.
Decider = Callable[[Json], str | None]
OWNERS = {"wksp_a": "acct_1", "wksp_b": "acct_1"}


def cash(amount: str) -> list[Json]:
    return [{"method": "cash", "amount": amount}]


def by_the_rules() -> Decider:
    world = World(day=BOUGHT_ON)
    world.bind("acct_1", BOUGHT_ON, *OWNERS)

    def decide(order: Json) -> str | None:
        decision = world.decide(order)
        world.apply(decision)
        return decision.refusal

    return decide


def by_the_oracle() -> Decider:
    account = oracle_orders.Account("acct_1")
    market = oracle_orders.Market(of_product(DEFAULT_CATALOG), OWNERS, dict.fromkeys(OWNERS, BOUGHT_ON))

    def decide(order: Json) -> str | None:
        readable = read_order(Sent("plan-purchases", 0, 0, 0, canonical(read(order), "CNY")), "CNY")
        assert isinstance(readable, Order)
        return oracle_orders.decide(readable, BOUGHT_ON, account, market).reason

    return decide


def by_the_recount() -> Decider:
    account, book = recount.Account(), PriceBook(DEFAULT_CATALOG, zone("Asia/Shanghai"))

    def decide(order: Json) -> str | None:
        recount.decide(read(order), BOUGHT_ON, account, dict.fromkeys(OWNERS, BOUGHT_ON), book)
        return account.outcomes[order["order_id"]].reason

    return decide


def added(number: int, lines: int, price: str) -> Json:
    """So many lines of one cheap package: 10 a day * 0.0001 * 372 days each."""
    line = {"item": "sms", "units": 1, "discount": "0.0001"}
    return order_of("add_traffic", order_id=f"t-{number}", traffic=[line] * lines, payments=cash(price))


@pytest.mark.parametrize("decider", [by_the_rules, by_the_oracle, by_the_recount])
def test_a_plan_takes_a_thousand_traffic_lines_and_not_one_more(decider: Callable[[], Decider]) -> None:
    decide = decider()
    bought = order_of("purchase", order_id="o-1", payments=cash("55392.00"))  # with one traffic line
    top_up = {"order_id": "t", "account": "acct_1", "kind": "top_up", "method": "cash", "amount": "999999.00"}
    assert [decide(top_up), decide(bought)] == [None, None]
    assert [decide(added(number, 50, "18.60")) for number in range(19)] == [None] * 19
    assert decide(added(19, 50, "0.01")) == "too_many_traffic_lines"  # which comes before what is wrong in paying
    assert decide(added(20, 49, "18.23")) is None
    assert decide(added(21, 1, "0.37")) == "too_many_traffic_lines"
    assert decide(order_of("add_traffic", order_id="t-22", traffic=[], payments=[])) is None
    bought_too = {**bought, "order_id": "o-2"}
    assert decide(bought_too) is None, "it is a law of one plan"
