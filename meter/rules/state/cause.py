"""A record's change of a cell: whose usage changed, and the last source that changed it, the published `cause`."""

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
#: In place of a dict of which nearly all changes have none: it takes nothing in.
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
        "repriced",
        "restated",
        "source",
        "used",
    )

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.kind = "usage"
        #: Workspaces whose usage changed, in the order of the record, so that outputs and rows repeat byte for byte.
        self.used: dict[str, None] = {}
        #: Workspaces that orders and bindings name: the first in id order, as many as a cause shows.
        self.named: Sequence[str] = ()
        #: Workspaces that a binding charges otherwise.
        self.repriced: dict[str, None] = _NOTHING
        #: The usage or order with which that binding came, where its own record did not bring it.
        self.brought_by: SourceRange | None = None
        #: The list of the last order (its workspaces are in `named`), and the lists that plans had before orders.
        self.listing: tuple[str, ...] | None = None
        self.left: dict[int, tuple[str, ...]] = _NOTHING
        #: The first orders, and how many followed.
        self.orders: Sequence[str] = ()
        self.more_orders = 0
        self.source: tuple[str, int] | None = None
        self.first_offset = self.last_offset = 0
        #: Prices changed: every workspace is recalculated.
        self.everything = False
        #: How every published record of this change ends, once there is one; and whether its day was closed before.
        self.ending = ""
        self.restated = False

    def by_usage(self, source: tuple[str, int]) -> None:
        """Usage of a source changes it; whoever counts it notes in `used` and in the offsets what it was."""
        if self.kind != "usage" or self.source != source:
            self.kind, self.first_offset, self.last_offset = "usage", NO_OFFSET, -1
        self.source = source

    def by_order(
        self, order_id: str, listing: tuple[str, ...], before: tuple[str, ...], topic: str, partition: int, offset: int
    ) -> None:
        """An order changed a plan: it lists `listing` on the cell's day; before the order it listed `before`."""
        self._by("order", topic, partition, offset, offset)
        if len(self.orders) < CAUSE_ORDERS_LIMIT:
            self.orders = [*self.orders, order_id]
        else:
            self.more_orders += 1
        if listing is not self.listing:  # many orders of one plan have one list
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
        """Partition 0 decided a catalog version at `offset`; every partition's copy has this cause."""
        self._by("catalogue", JOURNAL, 0, offset, offset)
        self.everything = True

    def reprice(self, workspace: str, brought_by: SourceRange | None = None) -> None:
        """The workspace is charged otherwise: by its own record, or by a binding that usage or an order brought."""
        self.brought_by = brought_by or self.brought_by
        self.repriced = self.repriced or {}
        self.repriced[workspace] = None

    @property
    def reallocated(self) -> bool:
        """More than usage changed: the cell needs its pricing again."""
        return self.everything or self.listing is not None or bool(self.repriced)

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
        names = {*self.used, *self.named} if self.named else self.used
        workspaces = nsmallest(CAUSE_WORKSPACES_LIMIT, names) if len(names) > CAUSE_WORKSPACES_LIMIT else sorted(names)
        ordered = self.kind == "order"
        orders, more = (self.orders, self.more_orders) if ordered else (None, 0)
        return cause_text(self.kind, workspaces, orders, more, topic, partition, self.first_offset, self.last_offset)


@lru_cache(64)
def _first_names(listing: tuple[str, ...]) -> tuple[str, ...]:
    """The workspaces of a list that a cause shows. An order asks for those of one list at every cell."""
    return tuple(nsmallest(CAUSE_WORKSPACES_LIMIT, listing))
