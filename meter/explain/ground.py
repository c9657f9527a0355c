"""What a figure is judged by beside usage and plans: zone, currency, catalog, close grace and restatement horizon."""

from dataclasses import dataclass

from meter.explain.explain import Day
from meter.explain.model import State
from meter.rules.billing_days import SECOND_US, BillingZone, zone
from meter.rules.catalog_versions import priced
from meter.rules.state.journal_facts import JournalFacts
from meter.settings import Settings
from schemas.catalog import Catalog, Item, TrafficPackage


@dataclass(frozen=True)
class Ground:
    """The facts of a meter, as far as explanations need them."""

    zone: BillingZone
    currency: str
    catalog: Catalog
    close_grace_seconds: int
    horizon_days: int

    @classmethod
    def of_journal(cls, facts: JournalFacts) -> "Ground":
        """What the journal says, which is what figures were made by."""
        opening = facts.opening
        horizon = opening.restatement_horizon_days
        return cls(facts.zone, opening.currency, facts.catalog, opening.close_grace_seconds, horizon)

    @classmethod
    def of_settings(cls, settings: Settings, catalog: Catalog) -> "Ground":
        """What the settings say, for whoever may not read the journal: a worker with other ones would not start."""
        billing = zone(settings.billing_time_zone)
        horizon = settings.restatement_horizon_days
        return cls(billing, catalog.currency, catalog, settings.close_grace_seconds, horizon)

    def item(self, name: str, day: int) -> Item | None:
        """The item by which usage of a day is priced; None if no version of the catalog has it."""
        if not any(name in version.items for version in self.catalog.versions):
            return None
        return self.catalog.version(day).items.get(name) or priced(self.catalog, name, day)

    def traffic(self, name: str, day: int) -> TrafficPackage | None:
        """The traffic package of an item."""
        return self.catalog.version(day).traffic.get(name)

    def closes_at_us(self, day: int) -> int:
        """When the day closes at the earliest."""
        return self.zone.end_of(day) + self.close_grace_seconds * SECOND_US

    def day(self, day: int, now_us: int) -> Day:
        """By the clock: a day is closed when its end and grace have come, final after the horizon."""
        until = day + self.horizon_days
        states: dict[State, int] = {"final": self.zone.end_of(until), "closed": self.closes_at_us(day)}
        state: State = next((state for state, begins in states.items() if now_us >= begins), "open")
        return Day(day, self.zone, state, until)
