"""The rule that needs no forecast: buy once charges that one more package would have covered have reached its price.

W. Wang, B. Li, B. Liang, "To Reserve or Not to Reserve" (2013): whoever looks back over the term of a reservation, and
reserves when what it would have saved there reaches its price, pays at most twice what perfect foresight would have
paid. What is bought already counts as if it had been there all the time, so nothing is bought twice for one demand.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import ceil

from meter.advise.alternatives import Alternative, Ground, alternative_of
from meter.advise.portfolios import portfolios
from meter.advise.present import market_of
from meter.advise.search import searched

NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class OnlineRule:
    """One package: its price, and the charges of `days` days that one more of it would have covered.

    `looks_back`: over how many days the rule adds up, those for which the package is paid.
    """

    package: str
    price: Decimal
    covered: Decimal
    days: int
    looks_back: int

    @property
    def reached(self) -> bool:
        """Whether the rule says to buy."""
        return self.covered >= self.price

    @property
    def days_to_go(self) -> int | None:
        """In how many days more it is reached if these go on; None: never, or it is reached."""
        missing, a_day = self.price - self.covered, self.covered / self.days
        if missing <= 0 or a_day * self.looks_back < self.price:
            return None
        return ceil(missing / a_day)


def online_rules(ground: Ground, base: Alternative) -> tuple[OnlineRule, ...]:
    """The rule for each package of today's catalog, cheapest first; `base`: the plans that are kept, and no more.

    Traffic packages are left out of it, and each package gets the list with which it covers most.
    """
    catalog = ground.history.catalog
    market = market_of(ground.plans, catalog, ground.today)
    choice, _ = portfolios(market, ground.grid, NOTHING)
    singles = [each for each in choice if each.upgrade is None and each.bought == 1]
    if not singles:
        return ()
    found = {each.portfolio.buys[0][0]: each for each in searched(ground.grid, singles, {}, ground.room()).found}
    days = _looked_at([day.day for day in ground.history.days], catalog.validity_days)
    rules = []
    for name in sorted(found, key=lambda package: (market.packages[package].price, package)):
        with_one = alternative_of(ground, found[name], base, base.outcome.due, None)
        pairs = zip(base.outcome.due[-days:], with_one.outcome.due[-days:], strict=True)
        covered = sum((before - after for before, after in pairs), NOTHING)
        rules.append(OnlineRule(name, market.packages[name].price, max(NOTHING, covered), days, catalog.validity_days))
    return tuple(rules)


def _looked_at(days: Sequence[int], looks_back: int) -> int:
    """How many of the days, which rise, the rule adds up."""
    return sum(day > days[-1] - looks_back for day in days)
