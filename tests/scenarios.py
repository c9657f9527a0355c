"""Random scenarios out of a seed: accounts with plans and money, usage over several days, and what goes wrong.

Kafka's time is the wall clock, so a test cannot have a yesterday with plans; but an event may be five minutes ahead.
So `midnight_zone` picks a billing zone where midnight is a few minutes off: the last day of a scenario is the one
that begins then (plans in force), the one before is today, and those before that are free days of everybody.
"""

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests import records
from tests.bad_records import BAD, Ground, bad_message
from tests.oracle_catalog import ITEMS, MILLION
from tests.oracle_reading import Settings
from tests.oracle_time import DAY_US, billing_day, start_of, time_text
from tests.records import Message, json_bytes
from tests.scenario_orders import Buyer

MINUTE_US = 60_000_000
#: How far ahead of now events may be, so that none is more than 300 s ahead of the Kafka time it gets later.
AHEAD_US = 280_000_000
#: About an eighth of what the Startup package covers a day: a few events of a few workspaces use it up.
SCALE = {
    "datakit": 12,
    "logs": 5 * MILLION,
    "backup_logs": 8 * MILLION,
    "traces": 700_000,
    "pv": 50_000,
    "api_calls": 40_000,
    "triggers": 24_000,
    "sms": 40,
}
#: Names that a careless join of source and id would confuse, and letters beyond ASCII.
SOURCES = ("datakit/host-1", "datakit/host-2", "datakit", "源/一", "é\u0301", "a b\tc")


@dataclass(frozen=True)
class Scenario:
    """Steps to send one after the other; all of a step is acknowledged before the next begins."""

    settings: Settings
    steps: tuple[tuple[Message, ...], ...]

    @property
    def messages(self) -> list[Message]:
        return [message for step in self.steps for message in step]

    @property
    def notes(self) -> Counter[str]:
        return Counter(message.note for message in self.messages)


def midnight_zone(now_us: int, seconds: int = 200) -> str:
    """The fixed-offset zone whose next midnight is about this far off (to the minute)."""
    minute = (now_us + seconds * 1_000_000) // MINUTE_US % 1440
    offset = -minute if minute <= 720 else 1440 - minute
    sign = "-" if offset < 0 else "+"
    return f"{sign}{abs(offset) // 60:02d}:{abs(offset) % 60:02d}"


def scenario(
    seed: int,
    *,
    now_us: int,
    zone: str,
    accounts: int = 60,
    events: int = 20_000,
    days: int = 3,
    duplicate_share: float = 0.05,
    correction_share: float = 0.05,
    bad_share: float = 0.02,
    upgrades: bool = True,
) -> Scenario:
    """A scenario; the same arguments make the same one. `upgrades` off leaves out orders of that kind."""
    return _Maker(Random(seed), now_us, Settings(zone), upgrades).make(
        accounts, events, days, duplicate_share, correction_share, bad_share
    )


@dataclass
class _Maker:
    rng: Random
    now_us: int
    settings: Settings
    upgrades: bool
    commercial: list[tuple[str, str]] = field(default_factory=list)
    later: list[tuple[str, str]] = field(default_factory=list)
    free: list[tuple[str, str]] = field(default_factory=list)

    def make(self, accounts: int, events: int, days: int, duplicate: float, correction: float, bad: float) -> Scenario:
        names = [f"acct-{number:03d}" for number in range(accounts)]
        bindings = self._workspaces(names)
        buyers = [self._buyer(name) for name in names]
        usage = self._usage(events, days, correction)
        usage += self._repeats(usage, duplicate)
        usage += self._bad(max(len(BAD), int(events * bad)))
        usage += [Message("usage", "tombstone", None, note="tombstone")] * 5
        self.rng.shuffle(usage)
        third = len(usage) // 3
        first = [message for buyer in buyers for message in buyer.first_orders()]
        upgraded = [records.binding_message(records.binding(*pair), "upgraded") for pair in self.later]
        for buyer in buyers:
            buyer.commercial += [name for name, account in self.later if account == buyer.account]
        second = [message for buyer in buyers for message in buyer.changes()]
        last = [message for buyer in buyers for message in buyer.repeats()]
        steps = (
            bindings,
            self._woven(usage[:third], first),
            upgraded + self._binding_repeats(),
            self._woven(usage[third : 2 * third], second),
            self._woven(usage[2 * third :], last),
        )
        return Scenario(self.settings, tuple(tuple(step) for step in steps))

    def _woven(self, usage: list[Message], orders: list[Message]) -> list[Message]:
        """Orders, in their order, at random places among usage."""
        places = sorted(self.rng.randrange(len(usage) + 1) for _ in orders)
        woven = list(usage)
        for place, order in reversed(list(zip(places, orders, strict=True))):
            woven.insert(place, order)
        return woven

    def _workspaces(self, names: list[str]) -> list[Message]:
        bindings = []
        for account in names:
            for number in range(self.rng.randint(2, 6)):
                workspace = f"wksp-{account[5:]}-{number}"
                kind = self.rng.choices((self.commercial, self.later, self.free), (75, 15, 10))[0]
                kind.append((workspace, account))
                tier = "commercial" if kind is self.commercial else "free"
                bindings.append(records.binding_message(records.binding(workspace, account, tier), "bound"))
        return bindings

    def _binding_repeats(self) -> list[Message]:
        again = self.rng.sample(self.commercial, min(5, len(self.commercial)))
        return [records.binding_message({**records.binding(*pair), "note": 1}, "binding again") for pair in again]

    def _buyer(self, account: str) -> Buyer:
        day = billing_day(self.now_us, self.settings.zone)
        commercial = [name for name, owner in self.commercial if owner == account]
        free = [name for name, owner in self.free if owner == account]
        foreign = self.rng.choice(self.commercial)[0]
        return Buyer(self.rng, account, day, commercial, free, foreign, self.upgrades)

    def _times(self, days: int) -> list[tuple[int, int]]:
        """First and last instant of each day's events."""
        latest = self.now_us + AHEAD_US
        last_day = billing_day(latest, self.settings.zone)
        starts = [start_of(day, self.settings.zone) for day in range(last_day - days + 1, last_day + 1)]
        return [(start, min(latest, start + DAY_US - 1)) for start in starts]

    def _usage(self, events: int, days: int, correction: float) -> list[Message]:
        everyone = self.commercial + self.later + self.free
        times, items = self._times(days), list(ITEMS)
        messages = []
        for number in range(events):
            workspace, _ = self.rng.choice(everyone)
            item = self.rng.choice(items)
            first, last = self.rng.choice(times)
            time_us = self.rng.choice((first, last, *[self.rng.randint(first, last)] * 8))
            corrected = self.rng.random() < correction
            quantity = self.rng.randint(0, 2 * SCALE[item])
            if corrected and ITEMS[item].aggregation == "sum":
                quantity = self.rng.choice((-3 * quantity, -quantity, -quantity, quantity))
            event = records.usage(
                workspace,
                item,
                quantity,
                time_us,
                id=f"{number}" if self.rng.random() < 0.2 else f"{self.rng.getrandbits(128):032x}",
                source=self.rng.choice(SOURCES),
                retention=self.rng.choice((None, None, *ITEMS[item].retentions)) if ITEMS[item].retentions else None,
                corrected=corrected,
            )
            messages.append(records.usage_message(event, "corrected" if corrected else "recorded"))
        return messages

    def _repeats(self, usage: list[Message], share: float) -> list[Message]:
        """The same events again, written otherwise and through any partition; and a few conflicts, by their own key."""
        repeats = []
        for message in self.rng.sample(usage, int(len(usage) * share)):
            event = records.parsed(message)
            if self.rng.random() < 0.1:
                event["data"]["quantity"] += self.rng.choice((1, 2))
                repeats.append(records.usage_message(event, "conflicting"))
            else:
                key = self.rng.choice((message.key, f"key-{self.rng.randrange(100)}", ""))
                repeats.append(Message("usage", key, json_bytes(self._rewritten(event)), note="repeated"))
        return repeats

    def _rewritten(self, event: dict[str, Any]) -> dict[str, Any]:
        """The same event as another producer might write it."""
        item = ITEMS[event["data"]["item"]]
        event["data"].setdefault("retention_days", item.default)
        time_us = records.time_us_of(event)
        event["time"] = self.rng.choice((event["time"], time_text(time_us, "+05:30"), time_text(time_us, "-11:00")))
        fields = [*event.items(), ("datacontenttype", "application/json"), ("traceparent", [{}, None, 1e9])]
        self.rng.shuffle(fields)
        return dict(fields)

    def _bad(self, count: int) -> list[Message]:
        kinds = list(BAD)
        messages = []
        for number in range(count):
            kind = kinds[number] if number < len(kinds) else self.rng.choice(kinds)
            if BAD[kind].topic != "usage" and number >= len(kinds):
                continue
            workspace, account = self.rng.choice(self.commercial)
            ground = Ground(self.rng, workspace, account, self.now_us, self.settings.horizon_days)
            messages.append(bad_message(kind, ground))
        return messages
