"""Orders: records of `plan-purchases` that can be read go to their account's journal partition, in order."""

from typing import Any

from pydantic import ValidationError

from agents.binary import Headers
from agents.builders import Builder, OrderBuilder
from agents.reading import ORDER_LIMIT, Dead, check_size
from agents.sources import SourceLane
from meter.batch.chunks import Chunk
from schemas.journal import OrderEntry
from schemas.orders import ChangeWorkspaces, Order, Purchase, canonical, order_from_json
from schemas.reasons import DeadReason
from schemas.record import Unreadable, problem


class OrdersLane(SourceLane):
    """The partition of `plan-purchases`."""

    kind = "order"

    async def read(self, chunk: Chunk, pending: Any) -> Chunk:
        await self.intake.homes.catch_up()  # step 2: a chunk that holds an order
        await self.intake.catalogue.reach(chunk.records[-1].timestamp)  # its version stands in every partition
        return await super().read(chunk, pending)

    async def entries(self, record: Any) -> list[tuple[int, Builder]]:
        order = read_order(record.value, record.headers)
        intake = self.intake
        named = {}
        if isinstance(order, Purchase | ChangeWorkspaces):
            for workspace in order.workspaces:
                home = intake.homes.known(workspace)
                if home is not None:
                    named[workspace] = home.named
        entry = OrderEntry(
            record.offset,
            record.timestamp,
            intake.facts.zone.day_of(record.timestamp * 1000),
            canonical(order, intake.facts.opening.currency),
        )
        return [(intake.homes.partition_of(order.account), OrderBuilder(self.topic, self.tp.partition, entry, named))]


def read_order(value: bytes, headers: Headers) -> Order:
    """The order in a record; raises Dead with the first reason that applies."""
    check_size(value, headers, ORDER_LIMIT)
    try:
        return order_from_json(value)
    except Unreadable as unreadable:
        raise Dead(unreadable.reason, str(unreadable)) from unreadable
    except ValidationError as wrong:
        raise Dead(DeadReason.INVALID_FIELD, problem(wrong)) from wrong
