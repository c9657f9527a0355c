"""Caches an account's quota shares on a day, and how a cell is allocated and charged.

A cache changes cost, never figures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from meter.rules.allocation import Share
from meter.rules.plans import listed_on, package_on, plans_on, quota_of
from schemas.overages import OverageText
from schemas.rows import Account, Package, Rate, Traffic

if TYPE_CHECKING:
    from meter.rules.charges import Tariff
    from schemas.catalog import Item

#: How many accounts the cache holds; beyond that it is emptied.
ACCOUNTS_KEPT = 50_000
#: The names of a list no longer than this are looked through as they are; of a longer one those with usage are kept.
SHORT_LIST = 8

Listed = dict[str, tuple[str, ...]]


@dataclass(slots=True, eq=False)
class QuotaShares:
    """`shares`: in allocation order. `plans`: for each listed workspace the ids of its plans, in allocation order.

    The keys of `plans` are in priority order: the first plan's list, then what the next plans add. `quota`: the sum.
    """

    shares: Sequence[Share]
    plans: Listed
    quota: int


class _Terms(NamedTuple):
    """A plan in force on a day: what its quotas are of, and its list."""

    plan_id: str
    package: Package | None
    traffic: tuple[Traffic, ...]
    workspaces: tuple[str, ...]


def _listed(plans: Sequence[_Terms]) -> Listed:
    """Workspace -> ids of the plans that list it; equal tuples are one object."""
    if len(plans) == 1:
        return dict.fromkeys(plans[0].workspaces, (plans[0].plan_id,))
    listed: dict[str, list[str]] = {}
    for plan in plans:
        for workspace in plan.workspaces:
            listed.setdefault(workspace, []).append(plan.plan_id)
    same: dict[tuple[str, ...], tuple[str, ...]] = {}
    return {workspace: same.setdefault(plans, plans) for workspace, each in listed.items() for plans in (tuple(each),)}


@dataclass(slots=True, eq=False)
class ItemPricing:
    """How overage of an item is charged on a day: its one rate, and the writers of its charges and records."""

    item: "Item"
    day: str
    #: Whether the item's usage is the sum of what was reported.
    adds_up: bool
    rates: tuple[Rate]
    tariff: "Tariff"
    #: The charge of no overage, as JSON.
    nothing: str
    overages: OverageText


@dataclass(slots=True, eq=False)
class CellPricing:
    """How a cell is allocated and charged; orders, bindings and catalog versions that change it change the cell too."""

    of_item: ItemPricing
    quotas: QuotaShares
    #: How many workspaces the cell had when it was priced.
    workspaces: int
    #: The one plan in force, if it lists every workspace with usage; then their names in its order (of a SHORT_LIST all
    #: names), and (its id,).
    only: Share | None = None
    names: Sequence[str] = ()
    plans: tuple[str, ...] = ()
    #: Basis and plans of its overages, written.
    footing: str = ""


class QuotaCache:
    """The plans in force of accounts on days, in allocation order, with their lists."""

    def __init__(self) -> None:
        self._days: dict[str, dict[int, tuple[list[_Terms], Listed]]] = {}

    def of(self, account: Account, item: str, day: int) -> QuotaShares:
        """The account's quota shares of an item on a day."""
        days = self._days.get(account.account)
        if days is None:
            if len(self._days) >= ACCOUNTS_KEPT:
                self._days.clear()
            days = self._days[account.account] = {}
        known = days.get(day)
        if known is None:
            plans = [
                _Terms(plan.plan_id, package_on(plan, day), plan.traffic, listed_on(plan, day))
                for plan in plans_on(account.plans.values(), day)
            ]
            known = days[day] = plans, _listed(plans)
        shares, total = [], 0
        for plan_id, package, traffic, workspaces in known[0]:
            quota = quota_of(package, traffic, item, day)
            shares.append(Share(plan_id, quota, workspaces))
            total += quota
        return QuotaShares(tuple(shares), known[1], total)

    def forget(self, account: str) -> None:
        """Drop an account whose plans changed."""
        self._days.pop(account, None)
