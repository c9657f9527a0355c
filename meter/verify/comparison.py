"""Compares a recount with what was published."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from meter.rules.billing_days import day_text, parse_day
from meter.verify.differences import Difference, figure_differences, outcome_differences, wallet_differences
from meter.verify.figures import Figure
from meter.verify.orders import Outcome, Wallet
from meter.verify.published import Published
from meter.verify.recount import FigureKey, Recount
from schemas.plurals import counted

T = TypeVar("T")


@dataclass(frozen=True)
class Wanted:
    """What is compared: one account or (None) all but some, days from `first_day` on (none before is whole), or one."""

    first_day: int = 0
    account: str | None = None
    day: int | None = None
    without: frozenset[str] = frozenset()

    def day_wanted(self, day: int) -> bool:
        return day >= self.first_day and self.day in (None, day)

    def account_wanted(self, account: str) -> bool:
        return self.account in (None, account) and account not in self.without


@dataclass
class Verified:
    """What was compared, and the differences. `left_out`: keys that changed after the recount."""

    differences: list[Difference] = field(default_factory=list)
    figures: int = 0
    orders: int = 0
    wallets: int = 0
    left_out: int = 0
    accounts: set[str] = field(default_factory=set)
    days: set[int] = field(default_factory=set)
    #: Notes for the user: from which day on, up to which offset.
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def sentence(self) -> str:
        """The result as a line."""
        over = "no days"
        if self.days:
            over = f"days {day_text(min(self.days))} to {day_text(max(self.days))}"
        parts = [
            f"{counted(self.figures, 'figure')} of {counted(len(self.accounts), 'account')} over {over}",
            *([counted(self.orders, "order")] if self.orders else []),
            *([counted(self.wallets, "wallet")] if self.wallets else []),
            counted(len(self.differences), "difference"),
        ]
        since = f", {counted(self.left_out, 'key')} changed since and left out" if self.left_out else ""
        return f"verified: {', '.join(parts)}{since}, in {self.seconds:.1f} s"


def compare_figures(verified: Verified, recounts: Iterable[Recount], published: Published, wanted: Wanted) -> None:
    """Every cell with counted usage, and every key of `overages`."""
    seen: set[str] = set()
    for recount in recounts:
        for place, figure in recount.figures():
            if wanted.account_wanted(place[0]) and wanted.day_wanted(place[3]):
                key = "/".join((*place[:3], day_text(place[3])))
                seen.add(key)
                _compare_figure(verified, key, place, figure, published, recount.book.currency)
    for key, each in published.latest.items():
        if key not in seen and wanted.account_wanted(each.account) and wanted.day_wanted(_day(each.day)):
            verified.figures += 1
            verified.differences += figure_differences(key, each.value, None, "")


def _compare_figure(
    verified: Verified, key: str, place: FigureKey, figure: Figure, published: Published, currency: str
) -> None:
    found = published.latest.get(key)
    if found is None and key in published.hidden:
        verified.left_out += 1
        return
    verified.figures += 1
    verified.accounts.add(place[0])
    verified.days.add(place[3])
    verified.differences += figure_differences(key, None if found is None else found.value, figure, currency)


def compare_orders(verified: Verified, recounts: Iterable[Recount], published: Published, wanted: Wanted) -> None:
    """Every order decided, and every key of `order-outcomes`."""
    expected: dict[str, Outcome] = {
        f"{account}/{order_id}": outcome
        for recount in recounts
        for account, each in recount.accounts.items()
        for order_id, outcome in each.outcomes.items()
    }
    for key, (value, outcome) in _paired(verified, expected, published, wanted).items():
        verified.orders += 1
        verified.differences += outcome_differences(key, value, outcome)


def compare_wallets(
    verified: Verified, recounts: Iterable[Recount], published: Published, wanted: Wanted, currency: str
) -> None:
    """Every instrument that was ever topped up, and every key of `wallets`."""
    expected: dict[str, Wallet] = {
        "/".join((account, *(part for part in key if part))): wallet
        for recount in recounts
        for account, each in recount.accounts.items()
        for key, wallet in each.wallets.items()
    }
    for key, (value, wallet) in _paired(verified, expected, published, wanted).items():
        verified.wallets += 1
        verified.differences += wallet_differences(key, value, wallet, currency)


def _paired(
    verified: Verified, expected: dict[str, T], published: Published, wanted: Wanted
) -> dict[str, tuple[bytes | None, T | None]]:
    """Pairs of published and expected content for each key, without keys that a later record may hide."""
    found: dict[str, tuple[bytes | None, T | None]] = {}
    for key in expected.keys() | published.latest.keys():
        result = published.latest.get(key)
        if wanted.account_wanted(key.partition("/")[0]):
            if result is None and key in published.hidden:
                verified.left_out += 1
            else:
                found[key] = (None if result is None else result.value, expected.get(key))
    return dict(sorted(found.items()))


def _day(text: str | None) -> int:
    try:
        return parse_day(text or "")
    except ValueError:
        return 0
