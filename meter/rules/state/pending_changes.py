"""Plans and wallets that a record changed: each is published once, with its state after the record, if it differs."""

from collections.abc import Iterator

from schemas.rows import Plan, Wallet


class PendingChanges:
    """Plans and wallets changed so far, each with its state before the record."""

    def __init__(self) -> None:
        self._wallets: dict[tuple[str, str, str | None], tuple[Wallet | None, Wallet]] = {}
        self._plans: dict[tuple[str, str], tuple[Plan | None, Plan]] = {}

    def wallet(self, account: str, before: Wallet | None, after: Wallet) -> None:
        """Note that a wallet changed."""
        key = (account, after.method, after.instrument)
        first, _ = self._wallets.get(key, (before, after))
        self._wallets[key] = (first, after)

    def plan(self, account: str, before: Plan | None, after: Plan) -> None:
        """Note that a plan changed."""
        key = (account, after.plan_id)
        first, _ = self._plans.get(key, (before, after))
        self._plans[key] = (first, after)

    def plans(self) -> Iterator[tuple[str, Plan]]:
        """(account, plan) of every plan that differs from before the record."""
        return ((account, plan) for (account, _), (before, plan) in self._plans.items() if plan != before)

    def wallets(self) -> Iterator[tuple[str, Wallet]]:
        """(account, wallet) of every wallet that differs from before the record."""
        return ((account, wallet) for (account, *_), (before, wallet) in self._wallets.items() if wallet != before)

    def clear(self) -> None:
        """Forget the changes: all are published."""
        self._plans.clear()
        self._wallets.clear()
