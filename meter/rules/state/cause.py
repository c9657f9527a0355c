"""A record's change of a cell: which workspaces changed, and the last source that changed it, its `cause`."""

from collections.abc import Sequence
from functools import lru_cache
from heapq import nsmallest
from types import MappingProxyType
from typing import Any, NamedTuple, cast

from meter.rules.state.rows import Cell
from schemas.overages import CAUSE_ORDERS_LIMIT, CAUSE_WORKSPACES_LIMIT, cause_text

#: The journal as a source, by its name without the prefix.
JOURNAL = "meter.journal"
#: Above any offset.
NO_OFFSET = 1 << 63
#: Read-only, in place of dicts that nearly every change leaves empty.
_NOTHING = cast(dict[Any, Any], MappingProxyType({}))


class SourceRange(NamedTuple):
    """Records of a source partition (topic without the prefix), by their first and last offset."""

    topic: str
    partition: int
    first: int
    last: int


class CellChange:
    """One record's change of one cell."""

    __slots__ = (
        "brought_by",
        "cell",
        "ending",
        "everything",
        "first_offset",
        "kind",
        "last_offset",
        "left",
        "listing",
        "more_orders",
        "named",
        "orders",
        "reallocated",
        "repriced",
        "restated",
        "source",
        "used",
    )

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.kind = "usage"
        #: Workspaces whose usage changed, in the record's order, so that a replay writes the same bytes.
        self.used: dict[str, None] = {}
        #: Workspaces that orders and bindings name: as many as a cause shows, the first in id order.
        self.named: Sequence[str] = ()
        #: Workspaces that a binding now charges differently.
        self.repriced: dict[str, None] = _NOTHING
        #: The usage or order whose entry carried that binding, if not the workspace's own record.
        self.brought_by: SourceRange | None = None
        #: The plan's list after the last order; its workspaces are in `named`. `left`: the lists before, by `id`.
        self.listing: tuple[str, ...] | None = None
        self.left: dict[int, tuple[str, ...]] = _NOTHING
        #: The first orders, and how many more there were.
        self.orders: Sequence[str] = ()
        self.more_orders = 0
        self.source: tuple[str, int] | None = None
        self.first_offset = self.last_offset = 0
        #: Prices changed: every workspace is recalculated.
        self.everything = False
        #: More than usage changed, so the cell must be priced again.
        self.reallocated = False
        #: How every published record of this change ends, and whether the day was closed; set for the first one.
        self.ending = ""
        self.restated = False

    def by_usage(self, source: tuple[str, int]) -> None:
        """Usage of a source changes the cell; the caller adds workspaces to `used` and widens the offsets."""
        if self.kind != "usage" or self.source != source:
            self.kind, self.first_offset, self.last_offset = "usage", NO_OFFSET, -1
        self.source = source

    def by_order(
        self, order_id: str, listing: tuple[str, ...], before: tuple[str, ...], topic: str, partition: int, offset: int
    ) -> None:
        """An order changed a plan: on the cell's day it now lists `listing`, and listed `before` until then."""
        self._by("order", topic, partition, offset, offset)
        if len(self.orders) < CAUSE_ORDERS_LIMIT:
            self.orders = [*self.orders, order_id]
        else:
            self.more_orders += 1
        self.reallocated = True
        if listing is not self.listing:  # many orders of a plan share one list
            self.listing = listing
            self._name(_first_names(listing))
        if listing is not before:
            self.left = self.left or {}
            self.left[id(before)] = before

    def by_workspace(self, workspace: str, topic: str, partition: int, offset: int) -> None:
        self._by("workspace", topic, partition, offset, offset)
        self._name((workspace,))
        self.reprice(workspace)

    def _name(self, workspaces: tuple[str, ...]) -> None:
        self.named = sorted({*self.named, *workspaces})[:CAUSE_WORKSPACES_LIMIT]

    def by_catalog(self, offset: int) -> None:
        """A catalog version was decided at `offset` of partition 0; copies in other partitions have the same cause."""
        self._by("catalogue", JOURNAL, 0, offset, offset)
        self.everything = self.reallocated = True

    def reprice(self, workspace: str, brought_by: SourceRange | None = None) -> None:
        """A binding changes how the workspace is charged; `brought_by`: the usage or order that carried it."""
        self.brought_by = brought_by or self.brought_by
        self.repriced = self.repriced or {}
        self.repriced[workspace] = None
        self.reallocated = True

    def _by(self, kind: str, topic: str, partition: int, first: int, last: int) -> None:
        if self.kind != kind or self.source != (topic, partition):
            self.kind, self.source, self.first_offset, self.last_offset = kind, (topic, partition), first, last
        else:
            if first < self.first_offset:
                self.first_offset = first
            if last > self.last_offset:
                self.last_offset = last

    def cause(self) -> str:
        """The published `cause`, as JSON."""
        if self.source is None and self.brought_by is not None:
            return cause_text("workspace", sorted(self.repriced)[:CAUSE_WORKSPACES_LIMIT], None, 0, *self.brought_by)
        topic, partition = self.source or ("", 0)
        if self.kind == "usage" and len(self.used) == 1 and not self.named:  # of most cells
            return cause_text("usage", tuple(self.used), None, 0, topic, partition, self.first_offset, self.last_offset)
        names = {*self.used, *self.named} if self.named else self.used
        workspaces = nsmallest(CAUSE_WORKSPACES_LIMIT, names) if len(names) > CAUSE_WORKSPACES_LIMIT else sorted(names)
        ordered = self.kind == "order"
        orders, more = (self.orders, self.more_orders) if ordered else (None, 0)
        return cause_text(self.kind, workspaces, orders, more, topic, partition, self.first_offset, self.last_offset)


@lru_cache(64)
def _first_names(listing: tuple[str, ...]) -> tuple[str, ...]:
    """The workspaces of a list that a cause shows; cached, because an order asks for the same list at every cell."""
    return tuple(nsmallest(CAUSE_WORKSPACES_LIMIT, listing))
