"""Caches an account's quota shares on a day, and how a cell is allocated and charged.

A cache changes cost, never figures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from sys import getsizeof
from typing import TYPE_CHECKING, NamedTuple

from meter.rules.allocation import Share
from meter.rules.plans import listed_on, package_on, plans_on, quota_of
from schemas.overages import OverageText
from schemas.rows import Account, Package, Rate, Traffic

if TYPE_CHECKING:
    from meter.rules.charges import Tariff
    from schemas.catalog import Item

#: Bytes that the cache holds; beyond that it is emptied. 12,500 workspaces in accounts of four take 2.2 MB a day.
BYTES_KEPT = 24_000_000
#: Bytes of a day of an account beside its lists (an account of one day is the dearest), and of a plan on it.
DAY_BYTES, PLAN_BYTES = 400, 100
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


class _Day(NamedTuple):
    """What the cache holds of a day of an account, and how many bytes it takes."""

    plans: Sequence[_Terms]
    listed: Listed
    size: int


def _day(plans: Sequence[_Terms]) -> _Day:
    """Lists each workspace with the ids of its plans; equal tuples are one object."""
    size = DAY_BYTES + PLAN_BYTES * len(plans)
    if len(plans) == 1:
        ids: tuple[str, ...] = (plans[0].plan_id,)
        alone = dict.fromkeys(plans[0].workspaces, ids)
        return _Day(plans, alone, size + getsizeof(alone))
    listed: dict[str, list[str]] = {}
    for plan in plans:
        for workspace in plan.workspaces:
            listed.setdefault(workspace, []).append(plan.plan_id)
    same: dict[tuple[str, ...], tuple[str, ...]] = {}
    found = {workspace: same.setdefault(ids, ids) for workspace, each in listed.items() for ids in (tuple(each),)}
    return _Day(plans, found, size + getsizeof(found) + sum(map(getsizeof, same)))


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
        self._days: dict[str, dict[int, _Day]] = {}
        #: Bytes held.
        self._size = 0

    def of(self, account: Account, item: str, day: int) -> QuotaShares:
        """The account's quota shares of an item on a day."""
        days = self._days.get(account.account)
        known = None if days is None else days.get(day)
        if known is None:
            known = self._keep(account, day)
        shares, total = [], 0
        for plan_id, package, traffic, workspaces in known[0]:
            quota = quota_of(package, traffic, item, day)
            shares.append(Share(plan_id, quota, workspaces))
            total += quota
        return QuotaShares(tuple(shares), known[1], total)

    def forget(self, account: str) -> None:
        """Drop an account whose plans changed."""
        self._size -= sum(each.size for each in self._days.pop(account, {}).values())

    def _keep(self, account: Account, day: int) -> _Day:
        """Work a day out, and hold it with the others or, if that is too much, by itself."""
        made = _day(
            [
                _Terms(plan.plan_id, package_on(plan, day), plan.traffic, listed_on(plan, day))
                for plan in plans_on(account.plans.values(), day)
            ]
        )
        if self._size + made.size > BYTES_KEPT:
            self._days.clear()
            self._size = 0
        self._days.setdefault(account.account, {})[day] = made
        self._size += made.size
        return made
