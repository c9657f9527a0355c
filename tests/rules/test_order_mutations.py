"""Deciding orders is broken on purpose, one place at a time, and a law or a test must notice.

A mutation is a snippet of one of the modules that decide orders; fresh copies of all of them are loaded around it,
so that a broken price or wallet is met where it is used. The copy is judged by the very law or test of the rules.
"""

from collections.abc import Callable, Iterator
from decimal import Inexact
from itertools import pairwise
from types import ModuleType
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest

from schemas.reasons import Refusal
from tests.rules import order_world, test_order_prices, test_order_refusals, test_orders
from tests.rules.broken_copies import broken_copies
from tests.rules.laws import Law
from tests.rules.laws_of_orders import ORDERS

#: In the order of their imports.
MODULES = ("prices", "wallets", "order_case", "refusals", "orders")
TESTS = {
    name: test
    for module in (test_order_refusals, test_orders, test_order_prices)
    for name, test in vars(module).items()
    if name.startswith("test_")
}


class Mutation(NamedTuple):
    """Who must notice (the first words of a law, or of a test's name), the module, its code, what stands instead."""

    judge: str
    module: str
    old: str
    new: str


MUTATIONS = [
    Mutation(*row)
    for row in (
        ("money: the", "wallets", "= wallet.balance + change", "= wallet.balance + 2 * change"),
        ("money: the", "wallets", "_with_balance(wallets[key], -amount)", "_with_balance(wallets[key], amount)"),
        ("payments_of_one", "wallets", 'drawn.get(key, Decimal("0.00")) + payment', "payment"),
        ("money: each", "wallets", "day <= wallet.expires_on", "True"),
        ("money: no", "refusals", "case.draws[key] > balance", "False"),
        ("refused:", "orders", "plan_id=case.plan_id,", "plan_id=case.plan_id, plan=case.plan,"),
        ("pure:", "orders", "plan, since = case.known_plan,", "plan, since = case.account.plans.pop(case.plan_id),"),
        ("price:", "prices", "(200 * amount + parts)", "(200 * amount)"),
        ("price:", "prices", "price * line.units * line.discount", "price * line.units"),
        ("price:", "order_case", "- self.counts_from + 1", "- self.counts_from"),
        ("price:", "order_case", "max(self.day, self.plan.first_day)", "self.day"),
        ("price:", "order_case", "self.catalog.version(self.day)", "self.catalog.version(self.counts_from)"),
        ("past:", "orders", "in packages if entry.since < since", "in packages"),
        ("past:", "orders", "in lists if entry.since < since", "in ()"),
        (
            "past:",
            "orders",
            "case.counts_from, through,",
            "(case.plan or case).first_day if case.plan else 0, through,",
        ),
        ("oracle:", "order_case", "self.known_plan.packages[-1]", "self.known_plan.packages[0]"),
        ("oracle:", "refusals", "new > present", "new >= present"),
        ("an_order_without", "refusals", "amount <= 0", "amount < 0"),
        ("oracle:", "refusals", "commercial > case.day", "commercial > case.counts_from"),
        ("oracle:", "orders", "validity_days - 1", "validity_days"),
        ("only_the_price", "prices", "sum(lines, Decimal(0))", "sum(map(to_the_cent, lines), Decimal(0))"),
        ("prices_stay", "prices", "EXACT_DIGITS = 400", "EXACT_DIGITS = 28"),
        ("an_account_has", "refusals", "plan.last_day >= case.day", "plan.last_day > case.day"),
        ("an_account_has", "refusals", "unexpired < PLANS_LIMIT", "unexpired <= PLANS_LIMIT"),
        ("a_plan_begins", "refusals", "<= FIRST_DAY_WITHIN_DAYS", "< FIRST_DAY_WITHIN_DAYS"),
        ("a_plan_begins", "refusals", "0 <= case.counts_from", "-1 <= case.counts_from"),
        ("a_plan_cannot", "refusals", "case.day <= case.plan.last_day", "case.day <= case.plan.last_day + 1"),
        ("a_later_top_up", "refusals", "or wallet.expires_on == expires_on", "or not expires_on"),
        ("an_instrument_pays", "wallets", "day <= wallet.expires_on", "day < wallet.expires_on"),
        ("cash_is_never", "wallets", "key[0] == CASH", "False"),
        ("payments_make", "refusals", "paid == case.price", "paid >= case.price"),
        ("of_two_lists", "orders", "in lists if entry.since < since", "in lists if entry.since <= since"),
        ("an_item_may", "order_case", "self.order.traffic if", "self.order.traffic[:1] if"),
        ("text_from", "refusals", "shown(theirs)", "theirs"),
        ("the_price_is_reported", "orders", "case.price if refusal in ABOUT_PAYING else None", "None"),
    )
]


def loaded(changes: dict[str, tuple[str, str]]) -> ModuleType:
    """`orders` of fresh copies of all modules that decide orders, with these snippets replaced."""
    return broken_copies(MODULES, changes)["orders"]


def every_case(test: Callable[..., None]) -> Iterator[tuple[Any, ...]]:
    """What pytest would call the test with."""
    marks = getattr(test, "pytestmark", [])
    for row in marks[0].args[1] if marks else [()]:
        values = getattr(row, "values", row)
        yield values if isinstance(values, tuple) else (values,)


def judge(name: str, rules: ModuleType, most: int = 200) -> None:
    """Have the law or the test of this name judge the rules."""
    laws: list[Law] = [law for law in ORDERS if law.text.startswith(name)]
    if laws:
        (law,) = laws
        law.check(rules, most)
        return
    (test,) = (test for full, test in TESTS.items() if full.startswith(f"test_{name}"))
    with patch.object(order_world, "orders", rules):
        for case in every_case(test):
            test(*case)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: f"{mutation.judge} {mutation.new}")
def test_broken_rules_are_noticed(mutation: Mutation) -> None:
    broken = loaded({mutation.module: (mutation.old, mutation.new)})
    with pytest.raises((AssertionError, Inexact)):
        judge(mutation.judge, broken)


@pytest.mark.parametrize("name", sorted({mutation.judge for mutation in MUTATIONS}))
def test_a_mere_copy_of_the_rules_is_not(name: str) -> None:
    judge(name, loaded({}), most=20)


def can_meet(first: Refusal, second: Refusal) -> bool:
    """Whether one order can break both laws: there is a kind for both, and one broken law does not keep the other."""
    kinds = [
        {kind for row in test_order_refusals.TABLE if row[0] == each for kind in row[1]} for each in (first, second)
    ]
    return bool(kinds[0] & kinds[1]) and (first, second) not in {
        (Refusal.PLAN_NOT_FOUND, Refusal.PLAN_EXPIRED),
        (Refusal.WORKSPACES_MUST_NOT_BE_EMPTY, Refusal.WORKSPACES_MUST_NOT_REPEAT),
    }


@pytest.mark.parametrize("pair", [pair for pair in pairwise(Refusal) if can_meet(*pair)], ids=" before ".join)
def test_two_laws_in_the_wrong_order_are_noticed(pair: tuple[Refusal, Refusal]) -> None:
    first, second = (f"    Refusal.{each.name}: _{each.value},\n" for each in pair)
    broken = loaded({"refusals": (first + second, second + first)})
    with pytest.raises(AssertionError):
        judge("of_two_broken_laws", broken)
