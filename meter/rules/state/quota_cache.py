"""Caches the plans that share out an account's quota on a day, and how a cell is allocated and charged.

A cache beside the rows: it may change cost, never meaning.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meter.rules.allocation import Share
from meter.rules.plans import plans_on, shares_of
from schemas.overages import OverageText
from schemas.rows import Account, Plan, Rate

if TYPE_CHECKING:
    from meter.rules.charges import Tariff
    from schemas.catalog import Item

#: Accounts in the cache; beyond it the cache starts from empty.
ACCOUNTS_KEPT = 50_000


Listed = dict[str, tuple[str, ...]]


@dataclass(slots=True, eq=False)
class QuotaShares:
    """Shares in allocation order, and for each listed workspace the plans that list it, in the same order.

    `plans` is also the priority order: workspaces as the plans, in their order, list them.
    """

    shares: list[Share]
    plans: Listed
    quota: int


def _listed(shares: Sequence[Share]) -> Listed:
    """Workspace -> the plans that list it; workspaces that the same plans list share one tuple."""
    listed: dict[str, list[str]] = {}
    for share in shares:
        for workspace in share.workspaces:
            listed.setdefault(workspace, []).append(share.plan_id)
    same: dict[tuple[str, ...], tuple[str, ...]] = {}
    return {workspace: same.setdefault(plans, plans) for workspace, each in listed.items() for plans in (tuple(each),)}


@dataclass(slots=True, eq=False)
class ItemPricing:
    """How overage of an item is charged on a day: its rate (one), and what writes charges and records."""

    item: "Item"
    day: str
    rates: tuple[Rate]
    tariff: "Tariff"
    overages: OverageText


@dataclass(slots=True, eq=False)
class CellPricing:
    """How a cell is allocated and charged. An order, binding or catalog version that changes it changes the cell."""

    of_item: ItemPricing
    quotas: QuotaShares
    #: How many workspaces had usage.
    workspaces: int
    #: The one plan in force, if it lists every workspace with usage; their names in its order, and the plans of each.
    only: Share | None = None
    names: Sequence[str] = ()
    plans: tuple[str, ...] = ()


class QuotaCache:
    """The plans of accounts in force on a day, in allocation order, and whom they list; made at first use."""

    def __init__(self) -> None:
        self._days: dict[str, dict[int, tuple[list[Plan], Listed]]] = {}

    def of(self, account: Account, item: str, day: int) -> QuotaShares:
        """What the account's plans give of an item on a day."""
        days = self._days.get(account.account)
        if days is None:
            if len(self._days) >= ACCOUNTS_KEPT:
                self._days.clear()
            days = self._days[account.account] = {}
        known = days.get(day)
        if known is None:
            plans = plans_on(account.plans.values(), day)
            shares = shares_of(plans, item, day)
            days[day] = plans, _listed(shares)
        else:
            shares = shares_of(known[0], item, day)
        return QuotaShares(shares, days[day][1], sum([share.quota for share in shares]))

    def forget(self, account: str) -> None:
        """The account's plans changed."""
        self._days.pop(account, None)
