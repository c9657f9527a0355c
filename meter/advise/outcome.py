"""The result of a window under some plans, replayed by the rules: amounts, coverage, use of quota, overage."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from meter.advise.history import ClosedDay
from meter.advise.replay import DayReplay, Replay
from meter.rules.charges import exact_sum
from schemas.rows import Plan

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Sums over the window, exact; `due` by day as statements would ask for it.

    `value`: usage of all commercial workspaces at the items' prices; `covered`: of it what plans covered; `quota`: what
    the plans offered at these prices. `over_by_item`, `by_workspace`: charges.
    """

    due: tuple[Decimal, ...]
    value: Decimal
    covered: Decimal
    quota: Decimal
    over_by_item: dict[str, Decimal]
    by_workspace: dict[str, Decimal]

    @property
    def total(self) -> Decimal:
        """Overage and pay-as-you-go charges of the whole window."""
        return exact_sum(self.due)

    @property
    def coverage(self) -> Decimal:
        """The share of usage inside quota, by value; 1 where there is no usage."""
        return self.covered / self.value if self.value else Decimal(1)

    @property
    def utilisation(self) -> Decimal | None:
        """The share of quota that was used, by value; None without quota."""
        return self.covered / self.quota if self.quota else None

    def effective_price(self, paid: Decimal) -> Decimal | None:
        """What is paid for usage as a share of its value by usage; `paid`: packages and overage of the window."""
        return paid / self.value if self.value else None

    @property
    def unused(self) -> Decimal:
        """Quota that nobody used, at the items' prices."""
        return self.quota - self.covered


def outcome_of(replay: Replay, days: Sequence[ClosedDay], plans: Sequence[Plan]) -> Outcome:
    """The window under these plans."""
    return summed(replay.day(day, plans) for day in days)


def summed(days: Iterable[DayReplay]) -> Outcome:
    """The outcome of replayed days."""
    due: list[Decimal] = []
    value = covered = quota = ZERO
    over: dict[str, Decimal] = {}
    by_workspace: dict[str, Decimal] = {}
    for day in days:
        due.append(day.due)
        for name, each in day.items.items():
            price = each.item.price / each.item.unit
            given = sum(sum(draws.values()) for draws in each.drawn.values())
            covered += price * given
            value += price * (given + sum(each.overage.values()))
            quota += price * sum(share.quota for share in each.shares)
            for who, charge in each.charge.items():
                if charge:
                    over[name] = over.get(name, ZERO) + charge
                    by_workspace[who] = by_workspace.get(who, ZERO) + charge
    return Outcome(tuple(due), value, covered, quota, over, by_workspace)
