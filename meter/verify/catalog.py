"""Prices and quotas of a day, from the opening's catalog and the versions announced in time."""

from decimal import Decimal

from meter.rules.billing_days import BillingZone
from schemas.catalog import Catalog, Item, Version, version_from_json


class PriceBook:
    """The catalog as read from a journal partition so far."""

    def __init__(self, opened: Catalog, zone: BillingZone) -> None:
        self.currency = opened.currency
        self.validity_days = opened.validity_days
        self._zone = zone
        self._opened = list(opened.versions)
        #: First day -> (offset at which partition 0 decided it, the version).
        self._announced: dict[int, tuple[int, Version]] = {}

    def announce(self, content: bytes, decided_offset: int, decided_ms: int) -> None:
        """A version counts if it was decided before its first day began; of several with one first day, the last."""
        version = version_from_json(content)
        if decided_ms * 1000 >= self._zone.begin_of(version.since):
            return
        found = self._announced.get(version.since)
        if found is None or found[0] < decided_offset:
            self._announced[version.since] = (decided_offset, version)

    def version(self, day: int) -> Version:
        """The last version that begins by this day; before all of them the opening's first version."""
        return self._before(day)[-1]

    def item(self, name: str, day: int) -> Item | None:
        """The item of this name on this day; None if there is none."""
        return self.version(day).items.get(name)

    def priced(self, name: str, day: int) -> Item:
        """The item that prices counted usage: the day's, else an earlier version's, else a later one's, else free."""
        later = [version for since, version in sorted(self._all().items()) if since > day]
        for version in (*reversed(self._before(day)), *later):
            if name in version.items:
                return version.items[name]
        return Item(name, "sum", 1, Decimal(0), None, {})

    def _before(self, day: int) -> list[Version]:
        """The versions begun by this day, in order; the opening's first version if there is none."""
        begun = [version for since, version in sorted(self._all().items()) if since <= day]
        return begun or [self._opened[0]]

    def _all(self) -> dict[int, Version]:
        known = {version.since: version for version in self._opened}
        known.update({since: version for since, (_, version) in self._announced.items()})
        return known
