"""What an account's plans offer of an item on a day, and by what else a cell is settled, until that changes.

Kept beside the rows: it may change cost, never meaning.
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

#: Accounts whose stakes are kept; beyond it all are made again.
STAKES_KEPT = 50_000


@dataclass(slots=True, eq=False)
class Stake:
    """Shares in allocation order; of each listed workspace the plans that list it, in that order.

    `plans` is also the priority order: workspaces as the plans, in their order, list them.
    """

    shares: list[Share]
    plans: dict[str, tuple[str, ...]]
    quota: int

    @classmethod
    def of(cls, account: Account, item: str, day: int, listed: dict[str, tuple[str, ...]] | None = None) -> "Stake":
        """`listed`: its `plans`, where another item of the day has them already."""
        shares = shares_on(account.plans.values(), item, day)
        return cls(shares, _listed(shares) if listed is None else listed, sum(share.quota for share in shares))


def _listed(shares: Sequence[Share]) -> dict[str, tuple[str, ...]]:
    """Of each listed workspace the plans that list it: one tuple for all that the same plans list."""
    listed: dict[str, list[str]] = {}
    for share in shares:
        for workspace in share.workspaces:
            listed.setdefault(workspace, []).append(share.plan_id)
    same: dict[tuple[str, ...], tuple[str, ...]] = {}
    return {workspace: same.setdefault(plans, plans) for workspace, each in listed.items() for plans in (tuple(each),)}


@dataclass(slots=True, eq=False)
class Terms:
    """By what a cell is settled; whatever changes it (an order, a binding, a catalogue version) touches the cell."""

    item: "Item"
    stake: Stake
    #: By what overage is charged (one rate), and what writes it.
    rates: tuple[Rate]
    tariff: "Tariff"
    overages: OverageText
    #: How many workspaces had usage.
    workspaces: int
    #: The one plan in force, as long as it lists and covers everybody with usage; their names and uses in its order.
    only: Share | None = None
    names: list[str] = field(default_factory=list)
    line: list[Use] = field(default_factory=list)


class Stakes:
    """The stakes of accounts, made at first use."""

    def __init__(self) -> None:
        self._stakes: dict[str, dict[tuple[str, int], Stake]] = {}
        #: account -> day -> `Stake.plans`, which is the same for all items.
        self._listed: dict[str, dict[int, dict[str, tuple[str, ...]]]] = {}

    def of(self, account: Account, item: str, day: int) -> Stake:
        stakes = self._stakes.get(account.account)
        if stakes is None:
            if len(self._stakes) >= STAKES_KEPT:
                self._stakes.clear()
                self._listed.clear()
            stakes = self._stakes[account.account] = {}
        stake = stakes.get((item, day))
        if stake is None:
            listed = self._listed.setdefault(account.account, {})
            stake = stakes[(item, day)] = Stake.of(account, item, day, listed.get(day))
            listed[day] = stake.plans
        return stake

    def forget(self, account: str) -> None:
        """The account's plans changed."""
        self._stakes.pop(account, None)
        self._listed.pop(account, None)
