"""The accounts with budgets of one partition: records of topics go in by name, alerts come out."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from meter.budgets.account import AccountBudgets, Crossing, SetBudget, of_account
from meter.budgets.periods import watched_from
from meter.rules.billing_days import parse_day
from schemas.balances import QuotaBalance
from schemas.budgets import BudgetAlert
from schemas.overages import Overage

#: Budgets of an account that are watched, by id: each figure is counted in each of them.
BUDGETS_LIMIT = 50


@dataclass(slots=True)
class PartitionBudgets:
    """A partition's budgets while it is watched; `live`: everything published before the start is processed."""

    accounts: dict[str, AccountBudgets] = field(default_factory=dict)
    live: bool = False

    @classmethod
    def of(cls, budgets: Iterable[SetBudget], alerts: Iterable[BudgetAlert]) -> "PartitionBudgets":
        """The state before any figure: budgets as they are set, alerts as they were last published."""
        found, by_account = cls(), dict[str, list[SetBudget]]()
        for each in sorted(budgets, key=lambda one: one.budget.record_key()):
            by_account.setdefault(each.budget.account, []).append(each)
        published: dict[str, list[BudgetAlert]] = {}
        for alert in alerts:
            published.setdefault(alert.account, []).append(alert)
        for account in {*by_account, *published}:
            known = {each.budget.budget: each for each in by_account.get(account, [])[:BUDGETS_LIMIT]}
            found.accounts[account] = AccountBudgets(account, known, of_account(published.get(account, ())))
        return found

    def first_day(self, today: int) -> int | None:
        """The first day of which figures are needed; None where there is no budget."""
        periods = {each.budget.period for account in self.accounts.values() for each in account.budgets.values()}
        return min((watched_from(period, today) for period in periods), default=None)

    def overage(self, record: Overage, today: int, at_ms: int) -> list[BudgetAlert]:
        """A record of `overages`."""
        account = self.accounts.get(record.account)
        if account is None or not account.budgets:
            return []
        day = parse_day(record.day)
        if day < account.first_day(today):
            return []
        account.charged(day, record.item, record.workspace, record.revision, record.usage, record.charge.amount)
        return account.crossed(today, Crossing(day, record.revision, at_ms, "usage"), live=self.live)

    def balance(self, record: QuotaBalance, today: int, at_ms: int) -> list[BudgetAlert]:
        """A record of `quota-balances`."""
        account = self.accounts.get(record.account)
        if account is None or not account.budgets:
            return []
        day = parse_day(record.day)
        if day < account.first_day(today):
            return []
        for each in record.workspaces:
            account.used(day, record.item, each.workspace, record.revision, each.usage)
        return account.crossed(today, Crossing(day, record.revision, at_ms, "usage"), live=self.live)

    def caught_up(self, today: int, at_ms: int) -> list[BudgetAlert]:
        """Everything published before the start is processed: from now on records are new."""
        self.live = True
        return [alert for account in self.accounts.values() for alert in account.caught_up(today, at_ms)]

    def forget_before(self, today: int) -> None:
        """Forget days before those that budgets watch; called when a day begins."""
        for account in self.accounts.values():
            account.forget_before(today)
