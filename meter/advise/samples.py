"""Running usage of an account by quarters of an hour, for as many days as a forecast looks back.

The last figures of each quarter are kept, so what is held is bounded by the quarters of those days, however often it
changes.
"""

from meter.advise.forecast import Moment
from meter.advise.open_day import DayUsage, Running
from meter.rules.billing_days import SECOND_US, BillingZone
from schemas.balances import QuotaBalance
from schemas.overages import Overage

QUARTER_US = 900 * SECOND_US
#: The days before today.
PAST_DAYS = 6
Cell = tuple[str, str]


class Samples:
    """Days of one account; a day is an ordinal."""

    def __init__(self, zone: BillingZone) -> None:
        self._zone = zone
        #: day -> (item, workspace) -> quarter of an hour -> the figures at its end
        self._days: dict[int, dict[Cell, dict[int, Running]]] = {}

    def take_overage(self, record: Overage, day: int, at_ms: int) -> None:
        """A record of `overages` of that day."""
        running = self._at(day, (record.item, record.workspace), at_ms)
        if record.revision >= running.revision:
            running.revision, running.usage = record.revision, record.usage
        if record.revision > running.charge_revision:
            running.charge_revision, running.charge = record.revision, record.charge.amount

    def take_balance(self, record: QuotaBalance, day: int, at_ms: int) -> None:
        """A record of `quota-balances` of that day."""
        for each in record.workspaces:
            running = self._at(day, (record.item, each.workspace), at_ms)
            if record.revision >= running.revision:
                running.revision, running.usage = record.revision, each.usage

    def usage(self, day: int, moment: Moment) -> DayUsage:
        """A day as it is known now, and as it was at the same share of the day as the moment."""
        cut_off = self._quarter(day, moment.at_the_same_share(self._zone, day))
        found = DayUsage()
        for cell, quarters in self._days.get(day, {}).items():
            found.latest[cell] = quarters[max(quarters)]
            before = [quarter for quarter in quarters if quarter <= cut_off]
            if before:
                found.reached[cell] = quarters[max(before)]
        return found

    def forget_before(self, today: int) -> None:
        """Forget days that no forecast looks back to."""
        for day in [day for day in self._days if day < today - PAST_DAYS]:
            del self._days[day]

    def _quarter(self, day: int, at_us: int) -> int:
        return (at_us - self._zone.begin_of(day)) // QUARTER_US

    def _at(self, day: int, cell: Cell, at_ms: int) -> Running:
        """The figures of the quarter of an instant, beginning as those of the last one before it."""
        quarters = self._days.setdefault(day, {}).setdefault(cell, {})
        quarter = self._quarter(day, at_ms * 1000)
        last = max(quarters, default=None)
        if last is None:
            quarters[quarter] = Running(0, 0)
        elif quarter > last:
            before = quarters[last]
            quarters[quarter] = Running(before.revision, before.usage, before.charge, before.charge_revision)
        else:
            quarter = last  # a record with an older time belongs to the last quarter
        return quarters[quarter]
