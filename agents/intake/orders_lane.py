"""Sends readable records of `plan-purchases` to the journal partition of their account, in order."""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from agents.intake.binary_mode import Headers
from agents.intake.held import NotYetKnown
from agents.intake.journal_entries import Builder, OrderBuilder
from agents.intake.source_lane import SourceLane
from agents.intake.usage_reader import ORDER_LIMIT, Dead, check_size, is_given
from meter.batch.chunks import Chunk
from schemas.journal import OrderEntry
from schemas.orders import ChangeWorkspaces, Order, Purchase, canonical, order_from_json
from schemas.reasons import DeadReason
from schemas.record import Unreadable, problem


class OrdersLane(SourceLane):
    """The partition of `plan-purchases`."""

    kind = "order"

    #: The end of `workspaces` after the chunk was fetched; 0: nothing more can become known.
    _end = 0

    async def read(self, chunk: Chunk, pending: Any) -> Chunk:
        self._end = await self.intake.directory.catch_up()  # step 2: a chunk that holds an order
        return await super().read(chunk, pending)

    async def ready_for(self, records: Sequence[Any]) -> None:
        """Wait until the catalog version of their days is in every journal partition."""
        appended = max((record.timestamp for record in records if not is_given(record)), default=0)
        await self.intake.catalog.reach(appended)

    async def entries(self, record: Any) -> list[tuple[int, Builder]]:
        order = read_order(record.value, record.headers)
        intake = self.intake
        if self._end:
            self._check_known(order)
        named = {}
        if isinstance(order, Purchase | ChangeWorkspaces):
            for workspace in order.workspaces:
                known = intake.directory.known(workspace)
                if known is not None:
                    named[workspace] = known.named
        entry = OrderEntry(
            record.offset,
            record.timestamp,
            intake.facts.zone.day_of(record.timestamp * 1000),
            canonical(order, intake.facts.opening.currency),
        )
        return [
            (intake.directory.partition_of(order.account), OrderBuilder(self.topic, self.tp.partition, entry, named))
        ]

    async def read_held(self, records: list[Any], pending: Any) -> None:
        self._end = 0
        await super().read(Chunk(self.tp, records, self.position, 0), pending)

    def settled(self, workspace: str) -> object:
        return self.intake.directory.commercial(workspace)

    def _check_known(self, order: Order) -> None:
        """Raise NotYetKnown if a listed workspace may be hidden, or an earlier order of the account waits."""
        directory = self.intake.directory
        listed: tuple[str, ...] = ()
        if directory.read_to < self._end and isinstance(order, Purchase | ChangeWorkspaces):
            listed = tuple(name for name in order.workspaces if self.settled(name) is None)
        if listed or self.held.holds_orders_of(order.account):
            raise NotYetKnown(self._end if listed else 0, listed, order.account)


def read_order(value: bytes, headers: Headers) -> Order:
    """The order in a record; raises Dead with the first reason that applies."""
    check_size(value, headers, ORDER_LIMIT)
    try:
        return order_from_json(value)
    except Unreadable as unreadable:
        raise Dead(unreadable.reason, str(unreadable)) from unreadable
    except ValidationError as wrong:
        raise Dead(DeadReason.INVALID_FIELD, problem(wrong)) from wrong
