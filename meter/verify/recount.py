"""Recounts one journal partition: identities, sums and orders, and the figures at the end.

An identity counts once, by its first event; everything else is a sum. Figures are calculated at the end, or when their
day expires and they are final.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b

import msgspec

from meter.rules.billing_days import SECOND_US, BillingZone
from meter.verify.catalog import PriceBook
from meter.verify.figures import Figure, Totals, figures
from meter.verify.orders import Account, decide
from meter.verify.plans import Plan
from schemas.journal import (
    BindingGroup,
    CatalogVersion,
    DayExpired,
    Gathered,
    JournalRecord,
    Named,
    Opening,
    OrderGroup,
    Slot,
    UsageGroup,
    decode_evidence,
)
from schemas.orders import ChangeWorkspaces, Purchase, order_from_json

#: (account, workspace, item, day)
FigureKey = tuple[str, str, str, int]
#: (account, item, day)
CellKey = tuple[str, str, int]


@dataclass(frozen=True)
class RecountConfig:
    """What a recount starts from. `plans`: by account, if the journal no longer holds the orders that made them.

    `account`: count only its usage and orders; None: those of every account.
    """

    opening: Opening
    zone: BillingZone
    plans: Mapping[str, list[Plan]] | None = None
    account: str | None = None


class Recount:
    """The recount of one journal partition, from the records given to `take`."""

    def __init__(self, config: RecountConfig, book: PriceBook) -> None:
        self.book = book
        self.accounts: dict[str, Account] = {}
        #: Workspace -> its first commercial day known so far.
        self.commercial: dict[str, int] = {}
        self.records = 0
        self.counted = 0
        self._config = config
        self._expired_through = 0
        #: Identity -> the day of its first event; removed when the day expires.
        self._first: dict[bytes, int] = {}
        self._cells: dict[CellKey, dict[str, Totals]] = {}
        self._final: dict[FigureKey, Figure] = {}

    def take(self, offset: int, timestamp_ms: int, record: JournalRecord) -> None:
        """The record at this offset, appended at this time."""
        self.records += 1
        if isinstance(record, Gathered):
            by_id: dict[str, Named] = {}
            for group in record.groups:
                if isinstance(group, UsageGroup):
                    self._usage(group, record.named)
                elif isinstance(group, OrderGroup):
                    by_id = by_id or {each.workspace: each for each in record.named}
                    self._orders(group, by_id)
                else:
                    self._bindings(group, record.named)
        elif isinstance(record, CatalogVersion):
            original = record.decided_offset < 0
            decided = (offset, timestamp_ms) if original else (record.decided_offset, record.decided_ms)
            self.book.announce(record.version, *decided)
        elif isinstance(record, DayExpired):
            self._expire(timestamp_ms, record.day)

    def forget_identities(self) -> None:
        """Free the identities after the last record; the totals remain."""
        self._first.clear()

    def figures(self) -> Iterator[tuple[FigureKey, Figure]]:
        """Every workspace, item and day with counted usage."""
        yield from self._final.items()
        yield from self._open_figures(self._cells)

    def _open_figures(self, cells: Mapping[CellKey, dict[str, Totals]]) -> Iterator[tuple[FigureKey, Figure]]:
        for (account, item, day), pot in cells.items():
            priced = self.book.priced(item, day)
            for workspace, figure in figures(priced, day, pot, self._plans(account), self.commercial).items():
                yield (account, workspace, item, day), figure

    def _plans(self, account: str) -> list[Plan]:
        if self._config.plans is not None:
            return list(self._config.plans.get(account, ()))
        known = self.accounts.get(account)
        return [] if known is None else list(known.plans.values())

    def _bind(self, named: Named) -> None:
        since = self.commercial.get(named.workspace, named.commercial)
        self.commercial[named.workspace] = min(since, named.commercial)

    def _bindings(self, group: BindingGroup, named: list[Named]) -> None:
        for entry in group.entries:
            self._bind(named[entry.named])

    def _usage(self, group: UsageGroup, named: list[Named]) -> None:
        evidence = decode_evidence(group.evidence)
        for slot in group.slots:
            self._bind(named[slot.named])
        events = group.events()
        quantities, times = events.quantity.tolist(), events.time_us.tolist()
        for event, number in enumerate(events.slot.tolist()):
            slot = group.slots[number]
            account, workspace = named[slot.named].account, named[slot.named].workspace
            if self._config.account not in (None, account):
                continue
            if slot.day <= self._expired_through or self.book.item(slot.item, slot.day) is None:
                continue  # it becomes a dead letter, which claims no identity
            source, name = evidence.sources[evidence.source[event]], evidence.ids[event]
            identity = blake2b(msgspec.msgpack.encode((workspace, source, name)), digest_size=16).digest()
            if identity in self._first:
                continue  # a repeat or a conflict: the first event counts
            self._first[identity] = slot.day
            self.counted += 1
            totals = self._cells.setdefault((account, slot.item, slot.day), {}).setdefault(workspace, Totals())
            self._add(totals, slot, quantities[event], (times[event], source, name, quantities[event]))

    def _add(self, totals: Totals, slot: Slot, quantity: int, correction: tuple[int, str, str, int]) -> None:
        item = self.book.item(slot.item, slot.day)
        assert item is not None, "usage without an item is not counted"
        if item.aggregation == "sum":
            totals.sums[slot.retention] = totals.sums.get(slot.retention, 0) + quantity
        elif not slot.corrected:
            totals.peak = max(totals.peak, quantity)
        else:
            if totals.correction is None or correction > totals.correction:
                totals.correction = correction

    def _orders(self, group: OrderGroup, named: Mapping[str, Named]) -> None:
        if self._config.plans is not None:
            return  # plans are those published: orders before the journal's beginning are unknown
        for entry in group.entries:
            order = order_from_json(entry.content)
            if self._config.account not in (None, order.account):
                continue
            account = self.accounts.setdefault(order.account, Account())
            if order.order_id not in account.outcomes:
                listed = order.workspaces if isinstance(order, Purchase | ChangeWorkspaces) else ()
                own = [named[workspace] for workspace in listed if workspace in named]
                own = [each for each in own if each.account == order.account]
                for each in own:
                    self._bind(each)
                known = {each.workspace: self.commercial[each.workspace] for each in own}
                decide(order, entry.day, account, known, self.book)

    def _expire(self, timestamp_ms: int, day: int) -> None:
        """Expire a day, if the horizon after it is over by the broker's clock."""
        opening, zone = self._config.opening, self._config.zone
        over_us = zone.end_of(day + opening.restatement_horizon_days) + opening.close_grace_seconds * SECOND_US
        if day <= self._expired_through or timestamp_ms * 1000 < over_us:
            return
        over = {pot: self._cells.pop(pot) for pot in [pot for pot in self._cells if pot[2] <= day]}
        self._final.update(self._open_figures(over))
        self._first = {identity: of for identity, of in self._first.items() if of > day}
        self._expired_through = day
