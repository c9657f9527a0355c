"""What happens outside the meter, out of a seed: small and dense, so that quotas run dry beside who needs more.

One or two accounts, three to five workspaces, three items, a few days; plans of a few units, money for few of them.
Left out is only what SPEC leaves to a race: an order that lists a workspace on the day of its upgrade, before it.
"""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from schemas.catalog import catalog_json, load_catalog
from schemas.journal import Opening
from tests import records
from tests.oracle_catalog import of_product
from tests.oracle_reading import Sent, Settings
from tests.oracle_time import DAY_US, day_text, instant, ordinal
from tests.records import Message

START_US = instant("2026-01-31T12:00:00Z") or 0
START_DAY = ordinal("2026-01-31") or 0
MIDNIGHT_US = START_US + DAY_US // 2
HORIZON_DAYS = 3
USAGE_PARTITIONS = 2
#: Messages after the opening ones.
LEAST, MOST = 5, 17


@cache
def settings() -> tuple[Settings, bytes]:
    """What oracle and meter are told: the dense catalog in a zone whose days are UTC's."""
    catalog = load_catalog(Path(__file__).parent.parent / "dense_catalog.toml")
    return Settings("+00:00", of_product(catalog), HORIZON_DAYS), catalog_json(catalog)


@dataclass
class World:
    """What is sent, in the order in which Kafka has it: record by record, with the places that it gets."""

    settings: Settings
    opening: Opening
    sent: list[Sent] = field(default_factory=list)


def world(seed: int, most: int | None = None) -> World:
    """The world of a seed; `most`: no more than so many messages after the opening ones, the same ones."""
    rng = Random(f"world {seed}")
    oracle_settings, catalog = settings()
    partitions = rng.choice((1, 1, 2))
    opened_us = START_US + rng.choice((-DAY_US, -1_000_000, 0, 2 * DAY_US, 6 * DAY_US))
    opening = Opening("m", "+00:00", "CNY", partitions, 3600, HORIZON_DAYS, catalog, opened_us // 1000)
    made = World(oracle_settings, opening)
    ends: dict[tuple[str, int], int] = {}
    for kafka_us, message in _Maker(rng, Random(f"bare {seed}")).messages(most):
        partition = rng.randrange(USAGE_PARTITIONS) if message.topic == "usage" else 0
        offset = ends.get((message.topic, partition), 0)
        ends[(message.topic, partition)] = offset + 1
        made.sent.append(Sent(message.topic, partition, offset, kafka_us // 1000, message.value, message.headers))
    return made


class _Maker:
    """Makes the messages of one world."""

    def __init__(self, rng: Random, bare: Random) -> None:
        #: `bare`: for upgrades that take quota away, apart from all other choices.
        self.rng, self.bare = rng, bare
        self.clock = START_US
        self.owners = {"A": "a", "B": "a", "C": "a"}
        if rng.random() < 0.3:
            self.owners["D"] = "b"
        if rng.random() < 0.3:
            self.owners["E"] = rng.choice(list(self.owners.values()))
        self.commercial = {"A", "B"}
        self.events: list[dict[str, Any]] = []
        self.orders: list[dict[str, Any]] = []
        self.plans: list[tuple[str, str]] = []
        self.count = 0
        #: Workspaces that an order listed today: not upgraded before tomorrow.
        self.listed: set[str] = set()

    def messages(self, most: int | None) -> list[tuple[int, Message]]:
        collected = [(self.clock, message) for message in self._opening()]
        number = self.rng.randint(LEAST, MOST)
        kinds = (self._usage, self._again, self._order, self._order_again, self._binding, self._bad)
        for _ in range(number):
            if self.rng.random() < 0.07:
                self.clock += self.rng.choice((1, 1, 1, 1, HORIZON_DAYS + 2)) * DAY_US
                self.listed.clear()
            (kind,) = self.rng.choices(kinds, (54, 14, 14, 4, 10, 4))
            collected.append((self.clock, kind()))
        return collected if most is None else collected[: len(collected) - number + most]

    def _opening(self) -> list[Message]:
        rng = self.rng
        collected = []
        for workspace, account in self.owners.items():
            if workspace not in self.commercial and rng.random() < 0.2:
                self.commercial.add(workspace)
            collected.append(self._bound(workspace, account, "commercial" if workspace in self.commercial else "free"))
        accounts = sorted(set(self.owners.values()))
        money = [records.top_up(account, f"t-{account}", rng.choice(("9", "18.5", "30"))) for account in accounts]
        collected += map(self._message, money)
        if rng.random() < 0.8:
            self.plans.append(("a", "p"))
            collected.append(
                self._message(records.purchase("a", "p", "small", rng.choice((["A", "B"], ["B", "A"])), []))
            )
        return collected

    # Usage

    def _usage(self) -> Message:
        rng = self.rng
        workspace = rng.choice(tuple(self.owners))
        item = rng.choice(("logs", "logs", "hosts", "sms"))
        corrected = rng.random() < (0.4 if item == "hosts" else 0.2)
        self.count += 1
        event = records.usage(
            workspace,
            item,
            rng.randint(-3 if corrected and item != "hosts" else 0, 4),
            self._time(),
            id=str(self.count),
            source=rng.choice("st"),
            retention=rng.choice((None, None, 3, 14, 30)) if item == "logs" else None,
            corrected=corrected,
        )
        self.events.append(event)
        return self._through(event)

    def _again(self) -> Message:
        """An event once more, through any partition; now and then with other content."""
        if not self.events:
            return self._usage()
        rng = self.rng
        event = rng.choice(self.events)
        if rng.random() < 0.3:
            event = {**event, "data": {**event["data"], "quantity": event["data"]["quantity"] + rng.choice((1, 2))}}
        return self._through(event)

    def _through(self, event: dict[str, Any]) -> Message:
        """Mostly on the shared topic."""
        message = records.usage_message(event)
        if self.rng.random() < 0.12 and event["type"] == "usage.recorded":
            return Message(f"usage.{event['subject']}", message.key, message.value)
        return message

    def _time(self) -> int:
        midnight = self.clock // DAY_US * DAY_US
        late = self.clock - self.rng.choice((1, 1, 2)) * DAY_US
        return self.rng.choice((self.clock, self.clock, self.clock, midnight, midnight - 1, late))

    # Orders

    def _order(self) -> Message:
        rng = self.rng
        account = rng.choice(tuple(self.owners.values()))
        owned = [workspace for workspace, owner in self.owners.items() if owner == account]
        known = [workspace for workspace in owned if workspace in self.commercial] or owned
        listed = rng.sample(known, rng.randint(1, len(known)))
        if rng.random() < 0.05:
            listed = [rng.choice(owned)]
        plans = [plan for owner, plan in self.plans if owner == account]
        kind = rng.choice(("purchase", "top_up", "add_traffic", "upgrade", "change_workspaces"))
        self.count += 1
        order_id, plan_id = f"o{self.count}", rng.choice(plans) if plans else "none"
        lines = [records.traffic(item, 1) for item in rng.choice((["logs"], ["hosts"], ["logs", "logs"], []))]
        if kind == "top_up":
            return self._message(records.top_up(account, order_id, rng.choice(("1", "4.5")), "coupon", instrument="c"))
        if kind == "add_traffic":
            return self._message(records.management(account, order_id, kind, plan_id, traffic=lines))
        if kind == "upgrade":
            paid = [records.pay(rng.choice(("9", "9", "6.75", "4.5")))]
            plan = "large"
            if self.bare.random() < 0.25:
                plan, paid = "bare", [records.pay(self.bare.choice(("12", "3")))]
            return self._message(records.management(account, order_id, kind, plan_id, plan=plan, payments=paid))
        self.listed.update(listed)
        if kind == "change_workspaces":
            return self._message(records.management(account, order_id, kind, plan_id, workspaces=listed))
        return self._message(self._purchase(account, order_id, listed, lines))

    def _purchase(self, account: str, order_id: str, listed: list[str], lines: list[Any]) -> dict[str, Any]:
        rng = self.rng
        self.plans.append((account, order_id))
        plan = rng.choice(("small", "small", "large"))
        paid = [records.pay("4.5"), records.pay("4.5", *rng.choice(((), ("coupon", "c"))))] if plan == "large" else []
        order = records.purchase(account, order_id, plan, listed, paid, traffic=lines)
        ahead = rng.choice((None, None, 0, 1, -1))
        if ahead is not None:
            order["first_day"] = day_text(START_DAY + (self.clock - START_US) // DAY_US + ahead)
        return order

    def _order_again(self) -> Message:
        """The same order again, or its id with other content."""
        order = self.rng.choice(self.orders)
        if self.rng.random() < 0.3:
            order = {**order, "currency": "XXX"}
        return records.order_message(order)

    def _message(self, order: dict[str, Any]) -> Message:
        self.orders.append(order)
        return records.order_message(order)

    # Workspaces, and what cannot be read

    def _binding(self) -> Message:
        """An upgrade, a repeat, and now and then what is refused."""
        rng = self.rng
        later = [name for name in self.owners if name not in self.commercial and name not in self.listed]
        workspace = rng.choice(later if later and rng.random() < 0.8 else tuple(self.owners))
        account = self.owners[workspace] if rng.random() < 0.9 else "b"
        tier = "free" if rng.random() < 0.1 else "commercial"
        if workspace not in self.commercial and workspace in self.listed:
            tier = "free"
        return self._bound(workspace, account, tier)

    def _bound(self, workspace: str, account: str, tier: str) -> Message:
        if tier == "commercial" and account == self.owners[workspace]:
            self.commercial.add(workspace)
        return records.binding_message(records.binding(workspace, account, tier))

    def _bad(self) -> Message:
        rng = self.rng
        self.count += 1
        fields: dict[str, Any] = {"id": str(self.count)}
        kind = rng.randrange(7)
        if kind == 0:
            return Message(rng.choice(("usage", "plan-purchases", "workspaces")), "", None)
        if kind == 1:
            return Message(rng.choice(("usage", "plan-purchases", "workspaces")), "", b'{"half":')
        time_us = self.clock + {2: 301_000_000, 3: -(HORIZON_DAYS + 1) * DAY_US}.get(kind, 0)
        workspace, item = "Z" if kind == 4 else "A", "tea" if kind == 5 else "logs"
        event = records.usage(workspace, item, 2, time_us, retention=5 if kind == 6 else None, **fields)
        return records.usage_message(event)
