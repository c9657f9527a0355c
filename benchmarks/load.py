"""The load of the benchmarks: workspaces, plans and usage as SPEC has them, and what must come out of it."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from confluent_kafka import Producer

ITEMS = ("logs", "traces", "pv", "triggers", "api_calls")
#: Quantities are 1 to this, so that a plan's quota is used up about half way through a load.
QUANTITY_MOST = 1000


@dataclass(frozen=True)
class Load:
    """A load: `events` events of `workspaces` workspaces in `accounts` accounts, `repeats` of them exact repeats."""

    events: int
    workspaces: int = 2_000
    accounts: int = 500
    repeats: float = 0.01
    days: int = 1
    seed: int = 7
    usage: dict[tuple[str, str, str], int] = field(default_factory=dict)

    def account(self, workspace: int) -> str:
        return f"acct_{workspace % self.accounts}"

    def lines(self, now: datetime) -> Iterator[bytes]:
        """The events, as JSON; what must be counted adds up in `usage` (workspace, item, day)."""
        chance = random.Random(self.seed)
        made: list[bytes] = []
        for number in range(self.events):
            if number > 100 and chance.random() < self.repeats:
                yield made[chance.randrange(len(made))]
                continue
            workspace, item = f"wksp_{chance.randrange(self.workspaces)}", ITEMS[chance.randrange(len(ITEMS))]
            quantity = chance.randrange(1, QUANTITY_MOST + 1)
            at = now - timedelta(days=chance.randrange(self.days), seconds=chance.randrange(600))
            line = (
                f'{{"specversion":"1.0","id":"{chance.getrandbits(96):024x}","source":"datakit/host-'
                f'{chance.randrange(200)}","type":"usage.recorded","subject":"{workspace}","time":"{at:%Y-%m-%dT%H:%M:%SZ}",'
                f'"data":{{"item":"{item}","quantity":{quantity}}}}}'
            ).encode()
            if len(made) < 100_000:
                made.append(line)
            key = (workspace, item, f"{at:%Y-%m-%d}")
            self.usage[key] = self.usage.get(key, 0) + quantity
            yield line


def send(load: Load, broker: str, prefix: str) -> None:
    """Send bindings, money, plans and then the usage; returns when all of it is acknowledged."""
    producer = Producer(
        {"bootstrap.servers": broker, "acks": "all", "linger.ms": 20, "queue.buffering.max.messages": 1_000_000}
    )
    lists: dict[str, list[str]] = {}
    for number in range(load.workspaces):
        lists.setdefault(load.account(number), []).append(f"wksp_{number}")
    for account, workspaces in lists.items():
        for workspace in workspaces:
            told = {"workspace": workspace, "account": account, "tier": "commercial"}
            produce(producer, f"{prefix}workspaces", workspace, json.dumps(told))
    flush(producer)
    for account, workspaces in lists.items():
        top_up = {
            "order_id": "t-1",
            "account": account,
            "kind": "top_up",
            "method": "cash",
            "amount": "42000.00",
        }
        plan = {
            "order_id": "o-1",
            "account": account,
            "kind": "purchase",
            "plan": "startup",
            "workspaces": workspaces,
            "payments": [{"method": "cash", "amount": "42000.00"}],
        }
        produce(producer, f"{prefix}plan-purchases", account, json.dumps(top_up))
        produce(producer, f"{prefix}plan-purchases", account, json.dumps(plan))
    flush(producer)
    for line in load.lines(datetime.now(UTC)):
        produce(producer, f"{prefix}usage", None, line)
    flush(producer)


def produce(producer: Producer, topic: str, key: str | None, value: str | bytes) -> None:
    while True:
        try:
            producer.produce(topic, value, key=key)
            break
        except BufferError:
            producer.poll(0.1)
    producer.poll(0)


def flush(producer: Producer) -> None:
    left = producer.flush(120)
    if left:
        raise SystemExit(f"{left} records were not acknowledged within 120 s")
