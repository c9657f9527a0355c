"""What an account's plans offer of an item on a day, kept until its plans change.

Kept beside the rows: it may change cost, never meaning.
"""

from dataclasses import dataclass

from meter.rules.allocation import Share
from meter.rules.plans import shares_on
from schemas.rows import Account

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
