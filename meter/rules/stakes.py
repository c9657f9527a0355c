"""What an account's plans offer of an item on a day, and by what else a cell is settled, until that changes.

Kept beside the rows: it may change cost, never meaning.
"""

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
    def of(cls, account: Account, item: str, day: int) -> "Stake":
        shares = shares_on(account.plans.values(), item, day)
        plans: dict[str, tuple[str, ...]] = {}
        for share in shares:
            for workspace in share.workspaces:
                plans[workspace] = (*plans.get(workspace, ()), share.plan_id)
        return cls(shares, plans, sum(share.quota for share in shares))


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

    def of(self, account: Account, item: str, day: int) -> Stake:
        stakes = self._stakes.get(account.account)
        if stakes is None:
            if len(self._stakes) >= STAKES_KEPT:
                self._stakes.clear()
            stakes = self._stakes[account.account] = {}
        stake = stakes.get((item, day))
        if stake is None:
            stake = stakes[(item, day)] = Stake.of(account, item, day)
        return stake

    def forget(self, account: str) -> None:
        """The account's plans changed."""
        self._stakes.pop(account, None)
