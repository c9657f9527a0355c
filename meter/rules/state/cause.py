"""What a record did to a cell: whose usage changed, and the last source that did something, which is the `cause`."""

from functools import lru_cache
from heapq import nsmallest

from meter.rules.state.context import Cell
from schemas.overages import CAUSE_ORDERS_LIMIT, CAUSE_WORKSPACES_LIMIT, cause_text

#: The journal as a source, by its name without the prefix.
JOURNAL = "meter.journal"


class Touch:
    """One record's touch of one cell."""

    __slots__ = (
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
        #: Whose usage changed, in the order of the record: what is published of it, and how rows are packed, is so
        #: every time.
        self.used: dict[str, None] = {}
        #: Whom orders and bindings named: the first of them, sorted, as many as a cause shows.
        self.named: list[str] = []
        #: Who is charged otherwise since a binding, whatever told it.
        self.repriced: dict[str, None] = {}
        #: The list of the last order, whose workspaces are in `named`; the lists that plans had before orders.
        self.listing: tuple[str, ...] | None = None
        self.left: dict[int, tuple[str, ...]] = {}
        #: The first orders, and how many came after them.
        self.orders: list[str] = []
        self.more_orders = 0
        self.source: tuple[str, int] | None = None
        self.first_offset = self.last_offset = 0
        #: Prices changed: every workspace is looked at.
        self.everything = False
        #: What all that is published of it ends with, once something is; and whether that is after the day's close.
        self.ending = ""
        self.restated = False

    def by_usage(self, workspaces: dict[str, None], topic: str, partition: int, first: int, last: int) -> None:
        self._by("usage", topic, partition, first, last)
        if self.used:
            self.used.update(workspaces)  # in place: a record may hold thousands of groups of one cell
        else:
            self.used = workspaces

    def by_order(
        self, order_id: str, listing: tuple[str, ...], before: tuple[str, ...], topic: str, partition: int, offset: int
    ) -> None:
        """An order changed a plan, which lists these workspaces on the cell's day and listed those before it."""
        self._by("order", topic, partition, offset, offset)
        if len(self.orders) < CAUSE_ORDERS_LIMIT:
            self.orders.append(order_id)
        else:
            self.more_orders += 1
        if listing is not self.listing:  # many orders of one plan have one list
            self.listing = listing
            self._name(_first_names(listing))
        if listing is not before:
            self.left[id(before)] = before

    def by_workspace(self, workspace: str, topic: str, partition: int, offset: int) -> None:
        self._by("workspace", topic, partition, offset, offset)
        self._name((workspace,))
        self.repriced[workspace] = None

    def _name(self, workspaces: tuple[str, ...]) -> None:
        self.named = sorted({*self.named, *workspaces})[:CAUSE_WORKSPACES_LIMIT]

    def by_catalogue(self, offset: int) -> None:
        """A version of the catalogue that partition 0 decided at `offset`: the same cause wherever its copy stands."""
        self._by("catalogue", JOURNAL, 0, offset, offset)
        self.everything = True

    def reprice(self, workspace: str) -> None:
        """The workspace is charged otherwise."""
        self.repriced[workspace] = None

    @property
    def resettled(self) -> bool:
        """More changed than usage: by what the cell is settled is looked at again."""
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
        """The `cause` of what is published of the cell, as JSON."""
        topic, partition = self.source or ("", 0)
        workspaces = nsmallest(CAUSE_WORKSPACES_LIMIT, {*self.used, *self.named} if self.named else self.used)
        ordered = self.kind == "order"
        orders, more = (self.orders, self.more_orders) if ordered else (None, 0)
        return cause_text(self.kind, workspaces, orders, more, topic, partition, self.first_offset, self.last_offset)


@lru_cache(64)
def _first_names(listing: tuple[str, ...]) -> tuple[str, ...]:
    """Of a list the workspaces that a cause can show; an order asks for those of one list at every cell."""
    return tuple(nsmallest(CAUSE_WORKSPACES_LIMIT, listing))
