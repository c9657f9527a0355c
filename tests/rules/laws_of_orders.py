"""The laws of deciding orders (SPEC §8), each on stories: sequences of orders of one account."""

from copy import deepcopy
from decimal import Decimal
from fractions import Fraction

from meter.rules.orders import Decision
from meter.rules.plans import listed_on, package_on, quota_on
from schemas.orders import canonical, order_from_json
from schemas.reasons import LAW
from schemas.rows import Plan
from tests import oracle_orders
from tests.oracle_catalog import of_product
from tests.oracle_orders_reading import Order as OracleOrder
from tests.oracle_orders_reading import read_order
from tests.oracle_reading import Sent
from tests.rules.laws import Law, Rules
from tests.rules.order_stories import MARKET, Step, played, stories
from tests.rules.order_world import World, read

Story = list[Step]


def _money(world: World) -> Fraction:
    return sum((Fraction(wallet.balance) for wallet in world.wallets.values()), Fraction(0))


def _after(before: World, decision: Decision) -> World:
    after = before.copy()
    after.apply(decision)
    return after


def money_is_conserved(rules: Rules, story: Story) -> None:
    for before, order, _, decision in played(rules, story):
        lost = _money(before) - _money(_after(before, decision))
        if not decision.accepted:
            assert lost == 0
        elif order["kind"] == "top_up":
            assert lost == -Fraction(order["amount"])
        else:
            assert lost == decision.price
            assert lost == sum(Fraction(payment["amount"]) for payment in order["payments"])


def each_instrument_loses_what_is_drawn_from_it(rules: Rules, story: Story) -> None:
    for before, order, _, decision in played(rules, story):
        if decision.accepted and order["kind"] != "top_up":
            after = _after(before, decision)
            for key, wallet in after.wallets.items():
                payments = [p for p in order["payments"] if (p["method"], p.get("instrument")) == key]
                drawn = sum(Decimal(payment["amount"]) for payment in payments)
                assert before.wallets[key].balance - wallet.balance == drawn
                assert before.wallets[key].expires_on == wallet.expires_on
                assert not drawn or wallet.expires_on is None or before.day <= wallet.expires_on


def no_balance_goes_below_zero(rules: Rules, story: Story) -> None:
    for _, _, _, decision in played(rules, story):
        assert all(wallet.balance >= 0 for wallet in decision.wallets)


def what_is_refused_changes_nothing(rules: Rules, story: Story) -> None:
    for _, _, _, decision in played(rules, story):
        assert decision.accepted == (decision.refusal is None) == (decision.error is None)
        if decision.refusal is not None:
            assert (decision.plan, decision.wallets, decision.payments) == (None, (), ())
            assert (decision.first_day, decision.last_day, decision.effective_day) == (None, None, None)
            assert decision.error is not None
            assert decision.error.startswith(f"{LAW[decision.refusal]}: ")


def deciding_is_a_function(rules: Rules, story: Story) -> None:
    for before, order, _, decision in played(rules, story):
        gathered = (before.account, before.wallets, before.bindings)
        as_it_was = deepcopy(gathered)
        for again in (read(order), order_from_json(canonical(read(order), MARKET.currency))):
            assert rules.decide(again, before.day, *gathered, MARKET) == decision
        assert gathered == as_it_was, "nothing that was gathered is changed"


def the_price_is_the_formulas(rules: Rules, story: Story) -> None:
    for _, order, fair, decision in played(rules, story):
        if decision.price is not None:
            assert Fraction(decision.price) == fair
            assert decision.price.as_tuple().exponent == -2
        assert not decision.accepted or (decision.price is None) == (order["kind"] == "top_up")


def a_plan_keeps_its_past(rules: Rules, story: Story) -> None:
    for before, _, _, decision in played(rules, story):
        plan = decision.plan
        if plan is None:
            continue
        for entries in (plan.packages, plan.lists):
            days = [entry.since for entry in entries]
            assert days == sorted(set(days)), "at most one entry for a day"
            assert days[0] == plan.first_day
            assert days[-1] <= plan.last_day
        old = before.account.plans.get(plan.plan_id)
        if old is not None:
            assert (old.first_day, old.last_day) == (plan.first_day, plan.last_day)
            for day in range(plan.first_day, decision.effective_day or 0):
                assert _on(plan, day) == _on(old, day), "days before the change stay as they were"


def _on(plan: Plan, day: int) -> object:
    return package_on(plan, day), listed_on(plan, day), [quota_on(plan, item, day) for item in ("logs", "pv")]


def the_oracle_decides_alike(rules: Rules, story: Story) -> None:
    account, book = oracle_orders.Account("acct_1"), of_product(MARKET)
    for before, order, _, decision in played(rules, story):
        if not account.wallets:
            for key, wallet in before.wallets.items():
                account.wallets[key] = oracle_orders.Wallet(wallet.balance, wallet.expires_on)
        accounts = {name: binding.account for name, binding in before.bindings.items()}
        commercial = {name: binding.commercial for name, binding in before.bindings.items()}
        content = canonical(read(order), MARKET.currency)
        theirs = read_order(Sent("plan-purchases", 0, 0, 0, content), MARKET.currency)
        assert isinstance(theirs, OracleOrder)
        outcome = oracle_orders.decide(theirs, before.day, account, oracle_orders.Market(book, accounts, commercial))
        assert (decision.refusal and decision.refusal.value) == outcome.reason
        if decision.accepted:
            assert (decision.price or None) == (outcome.price or None)
            assert (decision.first_day, decision.last_day) == (outcome.first_day, outcome.last_day)
            balances = {key: wallet.balance for key, wallet in _after(before, decision).wallets.items()}
            assert balances == {key: wallet.balance for key, wallet in account.wallets.items()}
            if decision.plan is not None:
                _assert_alike(decision.plan, account.plans[decision.plan.plan_id])


def _assert_alike(plan: Plan, twin: oracle_orders.Plan) -> None:
    for day in range(plan.first_day, plan.last_day + 1):
        assert listed_on(plan, day) == twin.listed(day)
        for item in ("logs", "pv"):
            assert quota_on(plan, item, day) == twin.quota(item, day)


ORDERS = (
    Law("money: the wallets lose exactly the price, a top-up brings its amount", stories(), money_is_conserved),
    Law("money: each loses what its payments say", stories(), each_instrument_loses_what_is_drawn_from_it),
    Law("money: no balance goes below 0", stories(), no_balance_goes_below_zero),
    Law("refused: what is refused changes nothing and says why", stories(), what_is_refused_changes_nothing),
    Law("pure: the same answer twice, and nothing that was gathered changes", stories(), deciding_is_a_function),
    Law("price: SPEC's formula, half up to the cent, once", stories(), the_price_is_the_formulas),
    Law("past: a change leaves the days before it alone", stories(), a_plan_keeps_its_past),
    Law("oracle: a second reading of SPEC decides alike", stories(), the_oracle_decides_alike),
)
