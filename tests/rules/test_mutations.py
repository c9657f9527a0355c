"""Each law is broken on purpose, in a copy of the rules, and must notice.

A mutation is one snippet of a module replaced by another; the copy is judged by the very check of the law tests.
"""

import importlib
from typing import NamedTuple

import pytest

from tests.rules.broken_copies import broken_copies
from tests.rules.laws import Law
from tests.rules.laws_of_allocation import ALLOCATION, PLANS
from tests.rules.laws_of_charges import CHARGES, USAGE
from tests.rules.laws_of_days import DAYS

LAWS = (*ALLOCATION, PLANS, *USAGE, *CHARGES, *DAYS)


class Mutation(NamedTuple):
    """What is broken: the first words of the law, the module of meter/rules, its code and what stands instead."""

    law: str
    module: str
    old: str
    new: str


#: Law, module, code, broken code.
MUTATIONS = [
    Mutation(*row)
    for row in (
        ("1:", "allocation", "covered[workspace] += draw", "covered[workspace] = draw"),
        ("1:", "allocation", "= usage[workspace] - covered[workspace]", "= usage[workspace]"),
        ("1:", "allocation", "draws[workspace] = draw", "draws[workspace] = left"),
        ("2:", "allocation", "left -= draw", "left -= 1"),
        ("2:", "allocation", "draw > left", "draw > left + 1"),
        ("2:", "allocation", "for workspace in workspaces:", "for workspace in usage:"),
        ("3:", "allocation", "for workspace in workspaces:", "for workspace in reversed(workspaces):"),
        ("3:", "allocation", "for workspace in workspaces:", "for workspace in sorted(workspaces):"),
        ("3:", "allocation", "draw = left\n", "draw = 0\n"),
        ("4:", "allocation", "if not left:", "if not left or draws:"),
        ("4:", "allocation", "in shares:", "in shares[:2]:"),
        ("5: more usage", "allocation", "draw = left\n", "draw = 0\n"),
        ("5: more to draw", "allocation", "in shares:", "in shares[-1:]:"),
        ("5: more to draw", "allocation", "if not left:", "if left < len(workspaces):"),
        ("6:", "allocation", "for workspace in workspaces:", "for workspace in [w for w in usage if w in workspaces]:"),
        ("7:", "allocation", "if not left:", "if left <= 1:"),
        ("plans", "plans", "len(listed_on(plan, day)), plan.last_day", "plan.last_day"),
        ("plans", "plans", "plan.last_day, plan.first_day, plan", "plan.first_day, plan.last_day, plan"),
        ("plans", "plans", "plan.first_day, plan.plan_id)", "plan.first_day)"),
        ("plans", "plans", "day <= plan.last_day", "day < plan.last_day"),
        ("plans", "plans", "reversed(plan.lists)", "plan.lists"),
        ("plans", "plans", "package.since <= day", "package.since < day"),
        ("usage: each", "conversion", "if quantity > 0:\n            usage", "if True:\n            usage"),
        ("usage: each", "conversion", ".items()) if quantity > 0}", ".items())}"),
        ("usage: each", "conversion", "quantity * retentions[days].factor", "quantity"),
        ("usage: of a max", "conversion", "use.correction.quantity", "max(use.peak, use.correction.quantity)"),
        (
            "charge: units",
            "charges",
            "100 * quantity // self._unit",
            "(200 * quantity + self._unit) // (2 * self._unit)",
        ),
        ("charge: units", "charges", "100 * quantity // self._unit", "quantity // self._unit * 100"),
        (
            "charge: rounded",
            "charges",
            "to_the_cent(exact_sum(amounts))",
            "exact_sum(to_the_cent(each) for each in amounts)",
        ),
        ("day: an", "billing_days", "since <= time_us < until else", "since <= time_us <= until else"),
        ("day: an", "billing_days", "if first == last:", "if True:"),
        ("day: it ends", "billing_days", "return max(", "return min("),
        ("day: it ends", "billing_days", "(day - 1, day, day + 1)", "(day - 1, day)"),
        (
            "day: it ends",
            "billing_days",
            "min(end, (local_day + 1) * DAY_SECONDS - offset)",
            "min(end, start + DAY_SECONDS)",
        ),
        ("day: it begins", "billing_days", "range(day - 1, day + 2)", "range(day, day + 2)"),
        ("day: it begins", "billing_days", "if local >= day", "if local > day"),
        ("time:", "billing_days", 'int(decimals[:6].ljust(6, "0"))', 'round(float(f"0.{decimals or 0}") * SECOND_US)'),
        ("time:", "billing_days", "int(decimals[:6]) * _MICROSECONDS", "int(decimals) * _MICROSECONDS"),
        ("time:", "billing_days", "- _offset_minutes(offset)", "+ _offset_minutes(offset)"),
    )
]


def law_of(mutation: Mutation) -> Law:
    (law,) = (law for law in LAWS if law.text.startswith(mutation.law))
    return law


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: f"{mutation.law} {mutation.new.strip()}")
def test_broken_rules_break_their_law(mutation: Mutation) -> None:
    changes = {mutation.module: (mutation.old, mutation.new)}
    broken = broken_copies([mutation.module], changes)[mutation.module]
    with pytest.raises(AssertionError):
        law_of(mutation).check(broken, most=1000)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.text)
def test_unbroken_rules_keep_it_on_such_examples(law: Law) -> None:
    module = next(mutation.module for mutation in MUTATIONS if law_of(mutation) is law)
    law.check(importlib.import_module(f"meter.rules.{module}"), most=50)
