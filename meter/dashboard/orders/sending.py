"""Sends the orders of forms, each once: a second form with the same id waits for the first and sends nothing.

The process remembers sent orders while it runs. After a restart the id prevents duplicates: the meter decides an order
id once, however often dashboards send it.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass

from aiokafka.errors import KafkaError

from meter.batch.stopping import ended
from meter.commands.place_order import RecordPosition, ordered, sent
from meter.errors import UserError
from meter.kafka.access import require
from meter.kafka.admin import connected_admin
from meter.kafka.rights import of_command
from meter.kafka.troubles import explained
from meter.settings import Settings
from schemas.orders import Order
from schemas.plurals import counted

log = logging.getLogger(__name__)

#: Most orders in flight, and orders a minute, of one dashboard.
AT_ONCE, A_MINUTE = 4, 60
MINUTE_SECONDS = 60.0
#: How long the answer to a form waits for Kafka's acknowledgement; the order's page shows a later one.
ACK_SECONDS = 8.0
#: Most orders remembered.
KEPT = 1_000
SENDING, SENT, FAILED = "sending", "sent", "failed"
WHO = "`meter dashboard` (orders)"

OrderKey = tuple[str, str]
Send = Callable[[Order], Awaitable[RecordPosition]]


class TooMany(UserError):
    """Too many other orders: this one is not sent now."""


@dataclass
class SentOrder:
    """A form's order; `seen` is its digest."""

    order: Order
    seen: str
    at_us: int
    state: str = SENDING
    place: RecordPosition | None = None
    error: str | None = None

    @property
    def key(self) -> OrderKey:
        """Account and order id."""
        return self.order.account, self.order.order_id


class Sending:
    """The orders of one dashboard process; pages read them from `shown`, by account and order id."""

    def __init__(
        self,
        settings: Settings,
        shown: MutableMapping[OrderKey, SentOrder],
        changed: Callable[[str], None],
        send: Send | None = None,
    ) -> None:
        self._settings, self._shown, self._changed = settings, shown, changed
        self._send = send or self._to_kafka
        self._tasks: dict[OrderKey, asyncio.Task[None]] = {}
        self._begun: deque[float] = deque()

    def known(self, account: str, order_id: str) -> SentOrder | None:
        """The order sent under an id."""
        return self._shown.get((account, order_id))

    def begin(self, order: Order, seen: str) -> SentOrder:
        """Send an order unless it is in flight; a failed one is sent again. Raises `TooMany` above the rate."""
        before = self.known(order.account, order.order_id)
        if before is not None and before.state != FAILED:
            return before
        self._require_room()
        found = SentOrder(order, seen, time.time_ns() // 1000)
        self._shown[found.key] = found
        self._forget_oldest()
        self._tasks[found.key] = asyncio.create_task(self._run(found))
        log.info("dashboard: sending order %s of %s (%s)", order.order_id, order.account, order.kind)
        return found

    async def acknowledged(self, order: SentOrder) -> None:
        """Wait a limited time for Kafka to acknowledge or refuse it."""
        task = self._tasks.get(order.key)
        if task is not None:
            await asyncio.wait([task], timeout=ACK_SECONDS)

    async def first_under(self, account: str, order_id: str) -> Order | None:
        """The order that first used an id, from the log of orders; reads the whole log."""
        return await ordered(self._settings, account, order_id)

    async def close(self) -> None:
        """Cancel orders in flight: each may have been sent, and counts once under its id."""
        await ended(*self._tasks.values())

    async def _run(self, order: SentOrder) -> None:
        try:
            order.place = await self._send(order.order)
            order.state = SENT
        except (UserError, KafkaError, OSError) as error:
            order.state, order.error = FAILED, str(error) or repr(error)
            log.warning("dashboard: order %s of %s was not sent: %r", order.order.order_id, order.order.account, error)
        finally:
            self._tasks.pop(order.key, None)
        self._changed(order.order.account)

    async def _to_kafka(self, order: Order) -> RecordPosition:
        """1 check rights, 2 send, 3 raise the error that a command shows if Kafka refuses."""
        rights = of_command(self._settings, "buy")
        try:
            async with connected_admin(self._settings) as admin:
                await require(self._settings, admin, WHO, rights)  # 1
            return await sent(self._settings, order)  # 2
        except (KafkaError, OSError) as error:
            raise await explained(self._settings, WHO, rights, error) from error  # 3

    def _require_room(self) -> None:
        now = time.monotonic()
        while self._begun and now - self._begun[0] >= MINUTE_SECONDS:
            self._begun.popleft()
        if len(self._tasks) >= AT_ONCE:
            there = counted(len(self._tasks), "order")
            raise TooMany(f"{there} on their way, {AT_ONCE} may be at once; send it again in a moment")
        if len(self._begun) >= A_MINUTE:
            raise TooMany(
                f"this dashboard sent {counted(len(self._begun), 'order')} within a minute, {A_MINUTE} is the most; "
                "send it again in a moment, or send many orders to plan-purchases (`meter send orders`)"
            )
        self._begun.append(now)

    def _forget_oldest(self) -> None:
        done = [key for key, order in self._shown.items() if order.state != SENDING]
        for key in done[: max(0, len(self._shown) - KEPT)]:
            del self._shown[key]
