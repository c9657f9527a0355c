"""Advice and simulations as JSON: figures as text where they are money, days as text, nothing rounded that is exact."""

from decimal import Decimal
from typing import Any

from meter.advise.advice import Advice, Table
from meter.advise.alternatives import Alternative
from meter.advise.changes import order_lines
from meter.advise.check import Check
from meter.advise.history import History
from meter.advise.savings import DRAWS, SEED, Saving, cents, widened_by
from meter.advise.sentences import grows, holds, rule, title, why
from meter.advise.simulation import Side, Simulation
from meter.advise.simulation_text import verdict
from meter.advise.text import assumed, looking_back, nothing, rule_head
from meter.advise.words import words_of
from meter.rules.billing_days import day_text
from schemas.money import money_text, price_text

Json = dict[str, Any]


def shape(advice: Advice, restatable: int) -> Json:
    """Advice as JSON; `restatable`: how many of the last days may still change."""
    history = advice.history
    return {
        "account": history.account,
        "currency": history.currency,
        "today": day_text(advice.today),
        "days": _days(history, restatable),
        "check": _check(advice.check),
        "target": "cost" if advice.coverage is None else f"coverage={price_text(100 * advice.coverage)}",
        "assumed": assumed(advice),
        "discounts": {item: price_text(discount) for item, discount in advice.discounts.items()},
        "range": {"draws": DRAWS, "seed": SEED, "widened_by": round(widened_by(len(history.days)), 3)},
        "cost_curves": {
            name: [[count, money_text(cost)] for count, cost in points.items()]
            for name, points in advice.cost_curves().items()
        },
        "packages_a_day": {
            name: _money(package.price / history.catalog.validity_days)
            for name, package in history.catalog.version(advice.today).plans.items()
        },
        "online_rule": _rules(advice),
        "ending": [
            {"plan_id": plan_id, "last_day": day_text(last), "days_left": left}
            for plan_id, last, left in advice.ending()
        ],
        "from_today": _table(advice, advice.from_today),
        "hindsight": _table(advice, advice.hindsight),
        "regret_a_day": _money(advice.regret_a_day) if advice.coverage is None else None,
        "looking_back": looking_back(advice),
        "nothing_better": nothing(advice),
    }


def _days(history: History, restatable: int) -> Json:
    """Which days were replayed; the last `may_change` of them can still be restated."""
    return {
        "first": day_text(history.days[0].day),
        "last": day_text(history.days[-1].day),
        "count": len(history.days),
        "may_change": restatable,
        "days": [day_text(day.day) for day in history.days],
        "left_out": {day_text(day): reason for day, reason in history.left_out.items()},
    }


def _rules(advice: Advice) -> Json:
    return {
        "sentence": rule_head(advice.history.catalog.validity_days),
        "packages": [
            {
                "plan": each.package,
                "price": money_text(each.price),
                "covered": _money(each.covered),
                "days": each.days,
                "looks_back": each.looks_back,
                "reached": each.reached,
                "days_to_go": each.days_to_go,
                "sentence": rule(each),
            }
            for each in advice.rules
        ],
    }


def _table(advice: Advice, table: Table) -> Json:
    return {
        "searched": table.searched.sentence(),
        "stay": _alternative(advice, table.base, table.base),
        "alternatives": [_alternative(advice, each, table.base) for each in table.alternatives],
    }


def _alternative(advice: Advice, each: Alternative, base: Alternative) -> Json:
    days = [day.day for day in advice.history.days]
    worst, worst_day = min(zip(each.saved, days, strict=True))
    used = each.outcome.utilisation
    found: Json = {
        "title": title(each.changes),
        "pays_today": money_text(each.price.now),
        "packages_a_day": _money(each.price.a_day),
        "overage_a_day": _money(each.overage_a_day),
        "cost_a_day": _money(each.cost_a_day),
        "listed": sorted(each.listed),
        "coverage": round(float(each.outcome.coverage), 4),
        "utilisation": _share(used),
        "unused_quota_a_day": _money(each.outcome.unused / len(days)),
        "effective_price": _share(each.outcome.effective_price(each.cost_a_day * len(days))),
        "overage_by_day": [money_text(due) for due in each.outcome.due],
    }
    if each is base:
        return found
    return found | {
        "saves_a_day": _saving(each.saving),
        "wins": each.wins,
        "cheaper_at_scales": None if each.holds is None else [round(each.holds.least, 2), round(each.holds.most, 2)],
        "cheaper_at_growth": None
        if each.growth is None
        else [round(each.growth.least, 4), round(each.growth.most, 4), each.growth.days],
        "holds": holds(each),
        "grows": grows(each),
        "worst_day": {"day": day_text(worst_day), "saves": _money(worst)},
        "saves_by_day": [_money(saved) for saved in each.saved],
        "why": why(each, base),
        "orders": order_lines(advice.history.account, each.changes),
        "simulate": words_of(each.changes),
    }


def simulation_shape(simulation: Simulation, restatable: int) -> Json:
    """A simulation, with every day's figures; `restatable`: how many days may still change, the last ones."""
    history, saving = simulation.history, simulation.saving
    return {
        "account": history.account,
        "currency": history.currency,
        "window": _days(history, restatable),
        "check": _check(simulation.check),
        "title": title(simulation.changes),
        "pays_today": money_text(simulation.price.now),
        "as_it_was": _side(simulation.was),
        "changed": _side(simulation.then),
        "saves_a_day": None if saving is None else _saving(saving),
        "verdict": verdict(simulation) if simulation.changes else "",
        "wins": sum(each > 0 for each in simulation.saved),
        "only_order": simulation.only_order,
        "without_usage": simulation.without_usage(),
        "days": [
            {"day": day_text(day.day), "as_it_was": _money(before), "changed": _money(after)}
            for day, before, after in zip(history.days, simulation.was.costs, simulation.then.costs, strict=True)
        ],
        "orders": order_lines(history.account, simulation.changes),
    }


def _side(side: Side) -> Json:
    return {
        "packages_a_day": _money(side.packages_a_day),
        "overage_a_day": _money(side.overage_a_day),
        "cost_a_day": _money(side.cost_a_day),
        "coverage": round(float(side.outcome.coverage), 4),
        "unused_quota_a_day": _money(side.outcome.unused / len(side.paid)),
        "charges_by_item": {item: money_text(each) for item, each in sorted(side.outcome.over_by_item.items())},
        "charges_by_workspace": {who: money_text(each) for who, each in sorted(side.outcome.by_workspace.items())},
    }


def _check(check: Check) -> Json:
    return {
        "equal": check.passed,
        "sentence": check.sentence(),
        "replayed": money_text(check.replayed),
        "published": money_text(check.published),
    }


def _saving(saving: Saving) -> Json:
    return {
        "mean": money_text(saving.mean),
        "p10": money_text(saving.p10),
        "median": money_text(saving.median),
        "p90": money_text(saving.p90),
    }


def _share(share: Decimal | None) -> float | None:
    return None if share is None else round(float(share), 4)


def _money(amount: Decimal) -> str:
    return money_text(cents(amount))
