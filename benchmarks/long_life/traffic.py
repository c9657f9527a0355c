"""The steady load: usage of several days with repeats, orders in between, and what must come out of them.

The billing time zone is an offset chosen so that midnight falls into the run, and the day that ends closes in it.
The oldest day in play expires at that midnight: nothing of it is sent from a margin before on.
"""

import json
import random
import threading
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from benchmarks.load import ITEMS, QUANTITY_MOST, catalog_of, drawn_line
from meter.rules.billing_days import zone

DAY_SECONDS = 86_400
#: Days for which late usage counts: as many are in play, and today.
HORIZON_DAYS = 3
TODAY = 0.7
TICK_SECONDS = 0.02
#: Repeats are of the last so many events.
REPEATABLE = 20_000
ORDER_SECONDS = 2.0
TOP_UP_CENTS = 1_050
CAPACITY = 1_000
Cell = tuple[str, int, str, str]


@dataclass(frozen=True)
class Scale:
    """How much of what: events a second for so many seconds."""

    seconds: float
    rate: float
    workspaces: int = 1_000
    accounts: int = 250
    repeats: float = 0.05
    items: int = 5

    @property
    def quota(self) -> int:
        """A day's, of every item of an account: about half of what the busier day brings."""
        return max(1, round(self.rate * self.seconds * 0.4 / self.accounts / self.items * QUANTITY_MOST / 2))

    @property
    def midnight_after(self) -> float:
        """Seconds from the start to midnight."""
        return self.seconds / 3

    @property
    def grace(self) -> int:
        """From midnight to the closing of the day."""
        return max(10, round(self.seconds / 6))

    @property
    def margin(self) -> float:
        """So long before midnight nothing is sent any more that would come too late after it."""
        return min(180.0, self.midnight_after / 2)

    def lists(self) -> dict[str, list[str]]:
        """Workspaces by account, in priority order."""
        lists: dict[str, list[str]] = {}
        for number in range(self.workspaces):
            lists.setdefault(f"acct_{number % self.accounts}", []).append(f"wksp_{number}")
        return lists

    def catalog(self) -> str:
        """One plan, and traffic packages that cost nothing."""
        names = ITEMS[: self.items]
        traffic = "".join(f'\n[versions.traffic.{item}]\ncapacity = {CAPACITY}\nprice = "0"\n' for item in names)
        return catalog_of(names, self.quota, traffic)


def offset_for(now: datetime, seconds: float) -> str:
    """The fixed offset under which midnight comes `seconds` after `now` (UTC), to the minute."""
    minutes = round((DAY_SECONDS - seconds) / 60) - (now.hour * 60 + now.minute + round(now.second / 60))
    minutes = (minutes + 720) % 1_440 - 720
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


class Traffic(threading.Thread):
    """Sends until its time is over; what must be counted adds up in `usage`."""

    def __init__(self, scale: Scale, seed: int, time_zone: str, sender: "Sending") -> None:
        super().__init__(daemon=True)
        self.scale, self.chance, self.zone, self.sender = scale, random.Random(seed), zone(time_zone), sender
        self.usage: dict[Cell, int] = {}
        self.events = self.repeated = self.orders = 0
        self.failure: BaseException | None = None
        self._lists = scale.lists()
        self._names = list(self._lists)
        self._recent: deque[tuple[int, bytes]] = deque(maxlen=REPEATABLE)
        self._ordered: list[tuple[str, bytes]] = []

    def announce(self) -> None:
        """Bindings, then a plan for each account; waits for their acknowledgement."""
        for account, workspaces in self._lists.items():
            for workspace in workspaces:
                found = {"workspace": workspace, "account": account, "tier": "commercial"}
                self.sender.send("workspaces", json.dumps(found).encode())
        self.sender.flush()
        for account, workspaces in self._lists.items():
            bought = {"order_id": "o-1", "account": account, "kind": "purchase", "plan": "half"}
            self.sender.send("plan-purchases", json.dumps({**bought, "workspaces": workspaces}).encode())
        self.sender.flush()

    def run(self) -> None:
        try:
            self._run()
        except BaseException as error:
            self.failure = error

    def _run(self) -> None:
        begun = time.monotonic()
        order_due = ORDER_SECONDS
        while (passed := time.monotonic() - begun) < self.scale.seconds:
            now = datetime.now(UTC)
            for _ in range(max(0, int(passed * self.scale.rate) - self.events - self.repeated)):
                self.sender.send("usage", self._event(now))
            if passed >= order_due:
                order_due += ORDER_SECONDS
                self.sender.send("plan-purchases", self._order())
            time.sleep(TICK_SECONDS)
        self.sender.flush()

    def _event(self, now: datetime) -> bytes:
        chance, scale = self.chance, self.scale
        oldest = self._day(now + timedelta(seconds=scale.margin)) - HORIZON_DAYS
        if self._recent and chance.random() < scale.repeats:
            day, line = self._recent[chance.randrange(len(self._recent))]
            if day >= oldest:
                self.repeated += 1
                return line
        back = 0 if chance.random() < TODAY else chance.randrange(1, HORIZON_DAYS + 1)
        at = now - timedelta(days=back, seconds=chance.randrange(600))
        if self._day(at) < oldest:
            at = now
        return self._counted(at)

    def _counted(self, at: datetime) -> bytes:
        chance = self.chance
        number, item = chance.randrange(self.scale.workspaces), ITEMS[chance.randrange(self.scale.items)]
        quantity, day = chance.randrange(1, QUANTITY_MOST + 1), self._day(at)
        line = drawn_line(chance, f"wksp_{number}", at, item, quantity)
        self.events += 1
        self._recent.append((day, line))
        cell = (f"acct_{number % self.scale.accounts}", day, item, f"wksp_{number}")
        self.usage[cell] = self.usage.get(cell, 0) + quantity
        return line

    def _order(self) -> bytes:
        """A top-up, more traffic, or now and then an order that was there before."""
        chance = self.chance
        if self._ordered and chance.random() < self.scale.repeats:
            return self._ordered[chance.randrange(len(self._ordered))][1]
        self.orders += 1
        account = self._names[chance.randrange(len(self._names))]
        order: dict[str, object] = {"order_id": f"o-1-{self.orders}", "account": account}
        if chance.random() < 0.5:
            order |= {"kind": "top_up", "method": "cash", "amount": f"{TOP_UP_CENTS / 100:.2f}"}
        else:
            item = ITEMS[chance.randrange(self.scale.items)]
            order |= {
                "kind": "add_traffic",
                "plan_id": "o-1",
                "traffic": [{"item": item, "units": chance.randrange(1, 9)}],
            }
        line = json.dumps(order).encode()
        self._ordered.append((account, line))
        return line

    def _day(self, at: datetime) -> int:
        return self.zone.day_of(int(at.timestamp()) * 1_000_000)


class Sending:
    """An idempotent producer that waits out broken brokers; a record not acknowledged ends the run."""

    def __init__(self, broker: str, prefix: str) -> None:
        from confluent_kafka import Producer

        self._prefix = prefix
        self.failed: list[str] = []
        self._producer = Producer(
            {
                "bootstrap.servers": broker,
                "enable.idempotence": True,
                "linger.ms": 20,
                "queue.buffering.max.messages": 1_000_000,
                "message.timeout.ms": 300_000,
                "reconnect.backoff.max.ms": 500,
                "log_level": 0,
            }
        )

    def send(self, topic: str, value: bytes) -> None:
        self._producer.produce(self._prefix + topic, value, on_delivery=self._delivered)
        self._producer.poll(0)

    def _delivered(self, error: object, message: object) -> None:
        if error is not None:
            self.failed.append(str(error))

    def flush(self) -> None:
        left = self._producer.flush(300)
        if left or self.failed:
            raise RuntimeError(f"{left} records are not acknowledged, {len(self.failed)} failed: {self.failed[:3]}")
