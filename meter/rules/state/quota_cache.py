"""Caches the quota that an account's plans share out on a day, and how a cell is allocated and charged.

A cache beside the rows: it may change cost, never meaning.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meter.rules.allocation import Share
from meter.rules.plans import shares_on
from schemas.overages import OverageText
from schemas.rows import Account, Rate, Use

if TYPE_CHECKING:
    from meter.rules.charges import Tariff
    from schemas.catalog import Item

#: Accounts in the cache; beyond it the cache starts from empty.
ACCOUNTS_KEPT = 50_000


@dataclass(slots=True, eq=False)
class QuotaShares:
    """Shares in allocation order, and for each listed workspace the plans that list it, in the same order.

    `plans` is also the priority order: workspaces as the plans, in their order, list them.
    """

    shares: list[Share]
    plans: dict[str, tuple[str, ...]]
    quota: int

    @classmethod
    def of(
        cls, account: Account, item: str, day: int, listed: dict[str, tuple[str, ...]] | None = None
    ) -> "QuotaShares":
        """`listed`: its `plans`, if another item of the day has them already."""
        shares = shares_on(account.plans.values(), item, day)
        return cls(shares, _listed(shares) if listed is None else listed, sum(share.quota for share in shares))


def _listed(shares: Sequence[Share]) -> dict[str, tuple[str, ...]]:
    """Workspace -> the plans that list it; workspaces that the same plans list share one tuple."""
    listed: dict[str, list[str]] = {}
    for share in shares:
        for workspace in share.workspaces:
            listed.setdefault(workspace, []).append(share.plan_id)
    same: dict[tuple[str, ...], tuple[str, ...]] = {}
    return {workspace: same.setdefault(plans, plans) for workspace, each in listed.items() for plans in (tuple(each),)}


@dataclass(slots=True, eq=False)
class CellPricing:
    """How a cell is allocated and charged. An order, binding or catalog version that changes it changes the cell."""

    item: "Item"
    quotas: QuotaShares
    #: The rate of overage (one), and what writes it.
    rates: tuple[Rate]
    tariff: "Tariff"
    overages: OverageText
    #: How many workspaces had usage.
    workspaces: int
    #: The one plan in force, if it lists every workspace with usage; their names and uses in its order.
    only: Share | None = None
    names: list[str] = field(default_factory=list)
    line: list[Use] = field(default_factory=list)


class QuotaCache:
    """Quota shares by account, item and day, made at first use."""

    def __init__(self) -> None:
        self._shares: dict[str, dict[tuple[str, int], QuotaShares]] = {}
        #: account -> day -> `QuotaShares.plans`, which is the same for all items.
        self._listed: dict[str, dict[int, dict[str, tuple[str, ...]]]] = {}

    def of(self, account: Account, item: str, day: int) -> QuotaShares:
        shares_of_account = self._shares.get(account.account)
        if shares_of_account is None:
            if len(self._shares) >= ACCOUNTS_KEPT:
                self._shares.clear()
                self._listed.clear()
            shares_of_account = self._shares[account.account] = {}
        quotas = shares_of_account.get((item, day))
        if quotas is None:
            listed = self._listed.setdefault(account.account, {})
            quotas = shares_of_account[(item, day)] = QuotaShares.of(account, item, day, listed.get(day))
            listed[day] = quotas.plans
        return quotas

    def forget(self, account: str) -> None:
        """The account's plans changed."""
        self._shares.pop(account, None)
        self._listed.pop(account, None)
