"""The laws of an explanation, told by its JSON alone: nothing here knows how it was made."""

import json
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

from meter.explain.model import Explanation

Json = dict[str, Any]


def of_figure(explained: Explanation, published: Json) -> Iterator[str]:
    """The figure recomputed from `usage` and `plans` is the published one, to the last digit."""
    found: Json = json.loads(explained.json_bytes())
    usage = sum(each["converted"] for each in found["usage"]["reported"])
    yield from differing("usage", usage, published["usage"])
    yield from differing("usage.converted", found["usage"]["converted"], usage)
    for each in found["usage"]["reported"]:
        total = each["quantity"] if each["total"] is None else each["total"]
        if each["quantity"] != max(0, total) or each["converted"] != each["quantity"] * each["factor"]:
            yield f"reported does not convert: {each}"
    left = usage
    for plan in found["plans"]:
        left -= yield from of_plan(plan, left)
    covered = usage - left if found["plans"] else 0
    yield from differing("covered", covered, published["covered"])
    yield from differing("overage", usage - covered, published["overage"])
    yield from differing("plans", [plan["plan_id"] for plan in found["plans"]], published["plans"])
    yield from of_charge(found, published, usage - covered)
    yield from differing("revision", found["revision"], published["revision"])
    yield from differing("restated", found["restated"], published["restated"])
    if found["notes"]:
        yield f"notes: {found['notes']}"


def of_plan(plan: Json, uncovered: int) -> Any:
    """A plan gives what it has left, at most what is uncovered; its quota is the sum of its parts."""
    quota = plan["quota"]
    parts = quota["package"]["quota"] + sum(each["units"] * each["capacity"] for each in quota["traffic"])
    yield from differing("quota", quota["total"], parts)
    before = sum(each["drawn"] for each in plan["drawn_before"])
    yield from differing("left_before", plan["left_before"], quota["total"] - before)
    gives = min(uncovered, plan["left_before"])
    yield from differing("covered by the plan", plan["covered"], gives)
    yield from differing("left_after", plan["left_after"], plan["left_before"] - gives)
    return gives


def of_charge(found: Json, published: Json, over: int) -> Iterator[str]:
    """Each line is its quantity by unit, cut, times its price; they are the published lines."""
    charge, result = found["charge"], published["charge"]
    yield from differing("basis", charge["basis"], published["basis"])
    yield from differing("currency", charge["currency"], result["currency"])
    total = Fraction(0)
    for line in charge["lines"]:
        hundredths = line["quantity"] * 100 // line["unit"]
        amount = Fraction(hundredths, 100) * Fraction(line["price"])
        if Fraction(line["units"]) != Fraction(hundredths, 100) or Fraction(line["amount"]) != amount:
            yield f"a line does not multiply: {line}"
        whole = Fraction(line["cut"]) + Fraction(line["units"]) * line["unit"]
        if not 0 <= line["quantity"] - whole < 1:
            yield f"what is cut is not what is left out: {line}"
        total += amount
    yield from differing("amount", Fraction(charge["amount"]), total)
    yield from differing("published amount", Decimal(charge["amount"]), Decimal(result["amount"]))
    lines = [
        (line.get("retention_days"), line["quantity"], line["units"], line["unit_price"], line["amount"])
        for line in result["lines"]
    ]
    made = [
        (line["retention_days"], line["quantity"], line["units"], line["price"], line["amount"])
        for line in charge["lines"]
    ]
    yield from differing("lines", made, lines)
    if charge["basis"] == "package" and sum(line["quantity"] for line in charge["lines"]) != over:
        yield f"charged is not what is over: {charge}"


def of_history(explained: Explanation) -> Iterator[str]:
    """Revisions rise, each names the one before, and the deltas add up to the overage."""
    found: Json = json.loads(explained.json_bytes())
    total, before = 0, 0
    for change in found["history"]:
        if change["previous_revision"] != before or change["revision"] <= before:
            yield f"revision {change['revision']} after {before} names {change['previous_revision']}"
        before = change["revision"]
        total += change["delta"]
        yield from differing("deltas", total, change["overage"])
    yield from differing("the last revision", before, found["revision"])
    if found["history"]:
        yield from differing("the last overage", total, found["overage"])


def differing(name: str, found: object, wanted: object) -> Iterator[str]:
    """A sentence if they differ."""
    if found != wanted:
        yield f"{name} is {found}, should be {wanted}"
