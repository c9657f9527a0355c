"""One account on one day, told in lines that a billing person can write and check with a pencil.

before  a plan: a package (+ traffic packages at a discount), or a bare quota (Q), for its workspaces in priority
        order, through its last day
do      a workspace's usage: item, quantity, `at` its retention; a correction is negative
after   an item's coverage/overage of each workspace
drawn   what each plan gives to whom, in allocation order
charge  a workspace's overage, item by item, and what is due
traffic what the traffic packages cost that day, and what they and the overage make together
"""

import re
from collections import defaultdict
from decimal import Decimal

from meter.rules.allocation import Allocation, allocate
from meter.rules.billing_days import parse_day
from meter.rules.charges import charge_of, due, package_rate
from meter.rules.conversion import converted
from meter.rules.plans import shares_on
from meter.rules.prices import traffic_price
from schemas.catalog import load_catalog
from schemas.orders import TrafficLine
from schemas.rows import NO_RETENTION, Package, Plan, Traffic, Use, WorkspaceList, added

TODAY = parse_day("2026-01-31")
CATALOG = load_catalog().version(TODAY)
UNITS = {"": 1, "k": 1_000, "M": 1_000_000}
QUANTITY = r"(-?[0-9]+) ?([kM]?)"


def parts(pattern: str, text: str) -> tuple[str, ...]:
    """The groups of a pattern that is the whole text; absent ones are empty."""
    match = re.fullmatch(pattern, text)
    assert match, f"not understood: {text}"
    return match.groups("")


def quantity_of(number: str, unit: str) -> int:
    """150 M is 150,000,000."""
    return int(number) * UNITS[unit]


class DayStory:
    """What stands so far; each line adds to it or is checked against it."""

    def __init__(self) -> None:
        """Nothing bought, nothing used."""
        self.plans: list[Plan] = []
        self.traffic_bought: list[TrafficLine] = []
        self.uses: dict[str, dict[str, Use]] = defaultdict(dict)  # item -> workspace -> use

    def play(self, story: str) -> None:
        """Take a whole case, line by line."""
        words = {
            "before": self.buy,
            "do": self.use,
            "after": self.check_overage,
            "drawn": self.check_drawn,
            "charge": self.check_charge,
            "traffic": self.check_traffic,
        }
        for line in filter(None, map(str.strip, story.splitlines())):
            word, rest = line.split(maxsplit=1)
            words[word](rest)

    def buy(self, text: str) -> None:
        """`o-1: startup + 30 logs packages at 0.8 for A, B through 2026-06-30`"""
        plan_id, offer, listed, through = parts(r"(\S+): (.+) for ([A-Z, ]+?)(?: through (\S+))?", text)
        last_day = parse_day(through or "2027-02-06")
        quotas, traffic = self._bare_quota(offer) if offer.startswith("Q ") else self._packages(offer, last_day)
        package = Package(TODAY, "any", Decimal(0), quotas)
        lists = (WorkspaceList(TODAY, tuple(listed.split(", "))),)
        self.plans.append(Plan(plan_id, TODAY, last_day, (package,), lists, traffic))

    def _bare_quota(self, text: str) -> tuple[dict[str, int], tuple[Traffic, ...]]:
        number, unit, item = parts(f"Q {QUANTITY} ([a-z]+)", text)
        return {item: quantity_of(number, unit)}, ()

    def _packages(self, text: str, through: int) -> tuple[dict[str, int], tuple[Traffic, ...]]:
        pattern = r"([a-z]+)(?: \+ ([0-9]+) ([a-z]+) packages(?: at (0\.[0-9]+))?)?"
        package, units, item, discount = parts(pattern, text)
        if not units:
            return CATALOG.plans[package].quotas, ()
        line = TrafficLine(item=item, units=int(units), discount=Decimal(discount or 1))
        self.traffic_bought.append(line)
        capacity = CATALOG.traffic[item].capacity
        traffic = Traffic(item, line.units, line.discount, TODAY, through, capacity)
        return CATALOG.plans[package].quotas, (traffic,)

    def use(self, text: str) -> None:
        """`A logs 40 M at 30 d`"""
        workspace, name, number, unit, days = parts(rf"([A-Z]) ([a-z]+) {QUANTITY}(?: at ([0-9]+) d)?", text)
        use, quantity = self.uses[name].setdefault(workspace, Use()), quantity_of(number, unit)
        item = CATALOG.items[name]
        if item.aggregation == "max":
            use.peak = max(use.peak, quantity)
        else:
            retention = int(days) if days else item.default_retention or NO_RETENTION
            use.sums = added(use.sums, retention, quantity)

    def usage(self, item: str) -> dict[str, int]:
        """Usage of the item by workspace."""
        return {workspace: converted(use, CATALOG.items[item]) for workspace, use in self.uses[item].items()}

    def allocation(self, item: str) -> Allocation:
        """Who is covered."""
        return allocate(shares_on(self.plans, item, TODAY), self.usage(item))

    def check_overage(self, text: str) -> None:
        """`logs: A 100/0 M, B 50/50 M`"""
        item, figures = parts(r"([a-z]+): (.+)", text)
        found = {}
        for figure in figures.split(", "):
            workspace, covered, over, unit = parts(r"([A-Z]) ([0-9]+)/([0-9]+) ?([kM]?)", figure)
            found[workspace] = (quantity_of(covered, unit), quantity_of(over, unit))
        usage, covers = self.usage(item), self.allocation(item).covered
        assert {each: (covers[each], usage[each] - covers[each]) for each in usage} == found, text

    def check_drawn(self, text: str) -> None:
        """`logs: P2 gives A 10, P1 gives B 10`"""
        item, draws = parts(r"([a-z]+): (.+)", text)
        collected = [parts(rf"(\S+) gives ([A-Z]) {QUANTITY}", draw) for draw in draws.split(", ")]
        drawn = self.allocation(item).drawn
        found = [(plan_id, who, given) for plan_id, draws_of in drawn.items() for who, given in draws_of.items()]
        assert found == [(plan_id, who, quantity_of(number, unit)) for plan_id, who, number, unit in collected], text

    def charges(self, workspace: str) -> dict[str, Decimal]:
        """The exact charge of each item of which the workspace is over."""
        found = {}
        for item in self.uses:
            over = self.usage(item).get(workspace, 0) - self.allocation(item).covered.get(workspace, 0)
            if over:
                charge = charge_of([package_rate(CATALOG.items[item])], [over], "CNY")
                found[item] = Decimal(charge.amount)
        return found

    def check_charge(self, text: str) -> None:
        """`A datakit 15 + logs 60 = 75.00`"""
        workspace, items, total = parts(r"([A-Z]) (.+) = ([0-9.]+)", text)
        found = {}
        for each in items.split(" + "):
            item, price = parts(r"([a-z]+) ([0-9.]+)", each)
            found[item] = Decimal(price)
        charges = self.charges(workspace)
        assert charges == found, text
        assert str(due(charges.values())) == total, text

    def check_traffic(self, text: str) -> None:
        """`36.00 a day, together 123.00`"""
        price, together = parts(r"([0-9.]+) a day, together ([0-9.]+)", text)
        day_of_traffic = traffic_price(self.traffic_bought, CATALOG, 1)
        assert str(day_of_traffic) == price, text
        users = {workspace for uses in self.uses.values() for workspace in uses}
        charges = [each for workspace in users for each in self.charges(workspace).values()]
        assert str(due([day_of_traffic, *charges])) == together, text
