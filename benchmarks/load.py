"""The load of the benchmarks: workspaces, plans and usage as SPEC has them, and what must come out of it."""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from confluent_kafka import Producer

#: The first five are the race's.
ITEMS = ("logs", "traces", "pv", "triggers", "api_calls", "sms", "backup_logs", "spans")
QUANTITY_MOST = 1_000
#: Half of the expected usage of an account's item is in its plan's quota.
COVERED = 0.5
#: Exact repeats are of the last so many events.
REPEATABLE = 100_000
CATALOG = """\
currency = "CNY"
validity_days = 372

[[versions]]
from = 2024-01-01
"""


def catalog_of(names: Sequence[str], quota: int, traffic: str = "") -> str:
    """A catalog (TOML) of items at one price and of one plan, with this quota of each; `traffic`: its packages."""
    items = "".join(f'\n[versions.items.{item}]\naggregation = "sum"\nunit = 1_000\nprice = "1.5"\n' for item in names)
    quotas = ", ".join(f"{item} = {quota}" for item in names)
    plan = f'\n[versions.plans.half]\ntitle = "Half"\nprice = "0"\nquotas = {{ {quotas} }}\n'
    return CATALOG + items + traffic + plan


def usage_line(name: str, source: str, workspace: str, at: datetime, item: str, quantity: int) -> bytes:
    """One event as JSON; `name` is its id."""
    return (
        f'{{"specversion":"1.0","id":"{name}","source":"{source}","type":"usage.recorded",'
        f'"subject":"{workspace}","time":"{at:%Y-%m-%dT%H:%M:%SZ}",'
        f'"data":{{"item":"{item}","quantity":{quantity}}}}}'
    ).encode()


def drawn_line(chance: random.Random, workspace: str, at: datetime, item: str, quantity: int) -> bytes:
    """One event with an id and a host by chance."""
    name = f"{chance.getrandbits(96):024x}"
    return usage_line(name, f"datakit/host-{chance.randrange(200)}", workspace, at, item, quantity)


def wrong_keys(wanted: Mapping[str, int], published: Mapping[str, int]) -> set[str]:
    """The keys whose figures differ; one that is missing is 0."""
    return {key for key in wanted.keys() | published.keys() if wanted.get(key, 0) != published.get(key, 0)}


@dataclass(frozen=True)
class Load:
    """`events` events of `workspaces` workspaces in `accounts` accounts; a share of `repeats` are exact repeats."""

    events: int
    workspaces: int = 2_000
    accounts: int = 500
    repeats: float = 0.01
    seed: int = 7
    items: int = 5
    plans: int = 1
    #: Today and so many days less one before it, on which the workspaces were free: nothing of them can be over.
    days: int = 1
    #: What must be counted today: (account, item) -> workspace -> quantity; filled by `lines`.
    usage: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)

    def account(self, workspace: int) -> str:
        return f"acct_{workspace % self.accounts}"

    @property
    def quota(self) -> int:
        """Of every item, of each of an account's plans."""
        expected = self.events / self.accounts / self.items / self.days * QUANTITY_MOST / 2
        return max(1, round(COVERED * expected / self.plans))

    @property
    def names(self) -> tuple[str, ...]:
        """The billing items used."""
        return ITEMS[: self.items]

    def catalog(self) -> str:
        """A catalog (TOML) whose one plan covers half of the load."""
        return catalog_of(self.names, self.quota)

    def lists(self) -> dict[str, list[str]]:
        """Workspaces by account, in priority order."""
        lists: dict[str, list[str]] = {}
        for number in range(self.workspaces):
            lists.setdefault(self.account(number), []).append(f"wksp_{number}")
        return lists

    def lines(self, now: datetime) -> Iterator[bytes]:
        """The events as JSON, of this day (UTC) and those before; `usage` is then what must be counted today."""
        self.usage.clear()
        chance = random.Random(self.seed)
        seconds = min(600, int((now - now.replace(hour=0, minute=0, second=0)).total_seconds()) + 1)
        made: list[bytes] = []
        for number in range(self.events):
            if number > 100 and chance.random() < self.repeats:
                yield made[chance.randrange(len(made))]
                continue
            workspace, item = chance.randrange(self.workspaces), ITEMS[chance.randrange(self.items)]
            quantity = chance.randrange(1, QUANTITY_MOST + 1)
            back = chance.randrange(self.days) if self.days > 1 else 0
            at = now - timedelta(days=back, seconds=chance.randrange(seconds))
            line = drawn_line(chance, f"wksp_{workspace}", at, item, quantity)
            if len(made) < REPEATABLE:
                made.append(line)
            if not back:
                cell = self.usage.setdefault((self.account(workspace), item), {})
                cell[f"wksp_{workspace}"] = cell.get(f"wksp_{workspace}", 0) + quantity
            yield line

    def overages(self) -> dict[str, int]:
        """What must be over in the end, by account/workspace/item, by brute force; 0 is left out."""
        over = {}
        lists = self.lists()
        for (account, item), used in self.usage.items():
            left = self.quota * self.plans
            for workspace in lists[account]:
                quantity = used.get(workspace, 0)
                covered = min(left, quantity)
                left -= covered
                if quantity > covered:
                    over[f"{account}/{workspace}/{item}"] = quantity - covered
        return over


@dataclass(frozen=True)
class Size:
    """How many workspaces there are, and accounts; with five items each, five cells a workspace."""

    workspaces: int
    accounts: int

    def load(self, events: int) -> Load:
        """So many events of them."""
        return Load(events, self.workspaces, self.accounts)


#: In the narrow load a cell gets hundreds of events, in the wide one two of a million.
SIZES = {"narrow": Size(2_000, 500), "mid": Size(20_000, 5_000), "wide": Size(100_000, 25_000)}


class Sender:
    """Sends records and waits for every acknowledgement."""

    def __init__(self, broker: str, prefix: str) -> None:
        self._prefix = prefix
        self._producer = Producer(
            {
                "bootstrap.servers": broker,
                "acks": "all",
                "linger.ms": 20,
                "queue.buffering.max.messages": 1_000_000,
            }
        )

    def send(self, topic: str, key: str | None, value: bytes | dict[str, Any]) -> None:
        content = value if isinstance(value, bytes) else json.dumps(value).encode()
        while True:
            try:
                self._producer.produce(self._prefix + topic, content, key=key)
                break
            except BufferError:
                self._producer.poll(0.1)
        self._producer.poll(0)

    def flush(self) -> None:
        left = self._producer.flush(120)
        if left:
            raise SystemExit(f"{left} records were not acknowledged within 120 s")


def announce(load: Load, broker: str, prefix: str) -> None:
    """Send bindings, then plans; return when all are acknowledged."""
    sender = Sender(broker, prefix)
    for account, workspaces in load.lists().items():
        for workspace in workspaces:
            found = {"workspace": workspace, "account": account, "tier": "commercial"}
            sender.send("workspaces", workspace, found)
    sender.flush()
    for account, workspaces in load.lists().items():
        for number in range(1, load.plans + 1):
            bought = {"order_id": f"o-{number}", "account": account, "kind": "purchase", "plan": "half", "payments": []}
            sender.send("plan-purchases", account, {**bought, "workspaces": workspaces})
    sender.flush()


def send(load: Load, broker: str, prefix: str) -> None:
    """Send bindings and plans, then the usage; returns when all of it is acknowledged."""
    announce(load, broker, prefix)
    sender = Sender(broker, prefix)
    for line in load.lines(datetime.now(UTC)):
        sender.send("usage", None, line)
    sender.flush()
