"""The demo's accounts, had they lived five weeks: work days as on the demo's day, give or take, week-ends quieter."""

from collections import defaultdict
from decimal import Decimal
from functools import cache
from random import Random

from meter.advise.advice import Advice, advice_of
from meter.advise.history import History
from meter.advise.simulation import Simulation, simulated
from meter.advise.words import changes_of
from meter.demo import story
from schemas.rows import Plan
from tests.advise.accounts import FIRST, Usage, history, plan

DAYS = 35
TODAY = FIRST + DAYS + 1
WEEKEND = 0.6
#: Plans as they are at the end of the demo's day.
PLANS: dict[str, tuple[Plan, ...]] = {
    "acme": (plan("acme-plan", "startup", "acme-prod", "acme-staging", traffic=(("logs", 110, "1"),)),),
    "juniper": (
        plan(
            "juniper-plan",
            "growth",
            *(workspace.name for workspace in story.WORKSPACES if workspace.account == "juniper"),
        ),
    ),
    "lumen": (plan("lumen-plan", "startup", "lumen-app", traffic=(("logs", 30, "0.8"),)),),
    "nimbus": (plan("nimbus-plan", "startup", "nimbus-web", "nimbus-api", "nimbus-beta"),),
    "orbit": (),
}
DEFAULTS = {"logs": 14, "traces": 7, "pv": 7}


def used(account: str, day: int | None = None) -> Usage:
    """What the account's workspaces use on the demo's day (None), or on a day of the weeks; free ones are left out."""
    found: dict[str, dict[str, dict[int, int] | int]] = {}
    rng = Random(f"{account} {day}")
    busy = 1.0 if day is None else (WEEKEND if (FIRST + day - 1) % 7 > 4 else 1.0) * rng.uniform(0.85, 1.15)
    for workspace in story.WORKSPACES:
        if workspace.account != account or workspace.name == "nimbus-docs":
            continue
        items: dict[str, dict[int, int] | int] = {}
        by_retention: dict[str, dict[int, int]] = defaultdict(dict)
        for use in workspace.uses:
            total = use.total if day is None else max(1, round(use.total * busy))
            if use.item in DEFAULTS:
                by_retention[use.item][use.retention_days or DEFAULTS[use.item]] = total
            else:
                items[use.item] = total
        found[workspace.name] = {**items, **by_retention}
    return found


@cache
def weeks(account: str, days: int = DAYS, *, alike: bool = False) -> History:
    """Its closed days; `alike`: every one is the demo's day."""
    usage = (lambda day: used(account)) if alike else (lambda day: used(account, day))
    return history(days, usage, *PLANS[account], account=account)


@cache
def advised(account: str, discount: str | None = None, *, alike: bool = False) -> Advice:
    """Advice on the account."""
    offered = None if discount is None else Decimal(discount)
    return advice_of(weeks(account, alike=alike), TODAY, discount=offered)


def tried(account: str, **words: list[str]) -> Simulation:
    """A simulation of the account."""
    return simulated(weeks(account), TODAY, changes_of(**words))
