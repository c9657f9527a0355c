"""The journal's facts: what the opening fixed, the catalog versions, and which days are closed and expired."""

from dataclasses import dataclass, field, replace

from meter.rules.billing_days import SECOND_US, BillingZone, zone
from meter.rules.catalog_versions import Announced, in_force, priced, recorded, with_announced
from schemas.catalog import Catalog, Item, catalog_from_json
from schemas.journal import CatalogVersion, Opening

#: `JournalFacts.expired_through` before the first day expires: no day is so early.
NEVER_EXPIRED = 0
#: How many (day, name) pairs of items are cached.
ITEMS_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class JournalFacts:
    """Facts of one journal partition; all partitions share them except how far days are closed and expired."""

    opening: Opening
    zone: BillingZone
    catalog: Catalog
    #: Days up to this one are closed (their figures are restated) and expired (final).
    closed_through: int
    expired_through: int
    #: The cursor in the day after `closed_through`: accounts up to this id are closed; "" before the first slice.
    #: `account/workspace`: earlier accounts are closed, and this one is stated up to the workspace.
    closing: str = ""
    #: The account up to which rows of expired days are deleted; None: none are left.
    sweeping: str | None = None
    #: Catalog versions announced since the opening that count, by first day.
    announced: Announced = ()
    _items: dict[tuple[int, str], Item | None] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def opened(cls, opening: Opening, opened_ms: int) -> "JournalFacts":
        """The facts of a new journal: days whose end + grace lies before its first record count as closed.

        No day counts as expired: usage that waited in Kafka for the first worker, however long, must still count.
        """
        billing = zone(opening.time_zone)
        closed = _closed_by_opening(opening, billing, opened_ms)
        return cls(opening, billing, catalog_from_json(opening.catalog), closed, NEVER_EXPIRED)

    @classmethod
    def stored(
        cls,
        opening: Opening,
        closed_through: int,
        expired_through: int,
        closing: str,
        sweeping: str | None,
        announced: Announced,
    ) -> "JournalFacts":
        """The facts as stored with a partition's state."""
        catalog = in_force(catalog_from_json(opening.catalog), announced)
        billing = zone(opening.time_zone)
        return cls(opening, billing, catalog, closed_through, expired_through, closing, sweeping, announced)

    def item(self, name: str, day: int) -> Item | None:
        """The item as the catalog version of the day has it; None if it has no such item."""
        key = (day, name)
        if key not in self._items:
            if len(self._items) >= ITEMS_KEPT:
                self._items.clear()
            self._items[key] = self.catalog.version(day).items.get(name)
        return self._items[key]

    def priced(self, name: str, day: int) -> Item:
        """The item by which counted usage is priced, even if a version announced since lacks it."""
        return self.item(name, day) or priced(self.catalog, name, day)

    def recorded(self) -> Catalog:
        """All catalog versions in the journal; METER_CATALOG is compared with them."""
        return recorded(catalog_from_json(self.opening.catalog), self.announced)

    def with_announced(self, found: CatalogVersion) -> "JournalFacts":
        """The facts with a version that partition 0 decided; the same object if that version does not count."""
        announced = with_announced(self.announced, found, self.zone)
        if announced is self.announced:
            return self
        catalog = in_force(catalog_from_json(self.opening.catalog), announced)
        return replace(self, catalog=catalog, announced=announced, _items={})

    def closes_at_us(self, day: int) -> int:
        """The instant from which the day may be closed: its end and the grace."""
        return self.zone.end_of(day) + self.opening.close_grace_seconds * SECOND_US

    def closed(self, account: str, day: int) -> bool:
        """Whether the account's day is closed, so that everything published for it is `restated`."""
        if day != self.closed_through + 1:
            return day <= self.closed_through
        last, partly, _ = self.closing.partition("/")
        return account < last or (account == last and not partly)

    def stated_through(self, account: str, day: int) -> str:
        """The last workspace stated if the account's day is half closed; else ""."""
        last, _, workspace = self.closing.partition("/")
        return workspace if account == last and day == self.closed_through + 1 else ""

    def expirable(self) -> int:
        """The last day that may expire: the whole horizon after it is closed.

        No day may expire while only the opening closed days: records that waited in Kafka for the first worker are all
        handled only when the first entry closes a day.
        """
        if self.closed_through == _closed_by_opening(self.opening, self.zone, self.opening.opened_ms):
            return NEVER_EXPIRED
        return self.closed_through - self.opening.restatement_horizon_days

    def live_from(self, day: int) -> int:
        """`day`, or the first day that has not expired if that is later."""
        return max(day, self.expired_through + 1)

    def with_closing(self, cursor: str) -> "JournalFacts":
        return replace(self, closing=cursor)

    def with_closed(self, day: int) -> "JournalFacts":
        return replace(self, closed_through=day, closing="")

    def with_expired(self, day: int) -> "JournalFacts":
        return replace(self, expired_through=day, sweeping="")

    def with_swept(self, account: str | None) -> "JournalFacts":
        return replace(self, sweeping=account)


def _closed_by_opening(opening: Opening, billing: BillingZone, opened_ms: int) -> int:
    """The last day whose end + grace lies before the meter's first record."""
    opened_us = opened_ms * 1000
    closed = billing.day_of(opened_us)
    while billing.end_of(closed) + opening.close_grace_seconds * SECOND_US > opened_us:
        closed -= 1
    return closed
