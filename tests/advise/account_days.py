"""Some days of an account, folded by the meter's own rules: what it published is what advice reads.

Dense (0 to 3 units, quotas of a few, plans of four days): max items, four retentions, a free workspace, one that no
plan lists, overlapping lists, orders of all kinds, a catalog version that begins on the third day, late usage that
restates.
"""

import json
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import strategies as st

from meter.advise.history import History, history_of
from meter.commands.account_state import plan_row
from meter.rules.billing_days import day_text
from schemas.catalog import Catalog, Item, Retention, Version, load_catalog, version_json
from schemas.journal import CatalogVersion
from schemas.plans import Plan
from schemas.statements import AccountStatement, WorkspaceStatement
from tests import records
from tests.rules.days_world import Days
from tests.strategies import workspace_lists

DENSE = load_catalog(Path(__file__).parents[1] / "dense_catalog.toml")
ACCOUNT = "acct"
FIRST = date(2026, 2, 1)
DAYS = 6
COMMERCIAL = ("A", "B", "C")
FREE = "F"


class Use(NamedTuple):
    """An event of noon of `day`, which arrives `late` days later."""

    day: int
    late: int
    workspace: str
    item: str
    quantity: int
    retention: int | None
    corrected: bool


class Story(NamedTuple):
    """What happens on each day: orders (without ids), then usage."""

    orders: list[tuple[int, dict[str, Any]]]
    uses: list[Use]
    dearer: bool


@st.composite
def uses(draw: st.DrawFn) -> Use:
    item = draw(st.sampled_from(["logs", "logs", "hosts", "sms"]))
    corrected = draw(st.integers(0, 5)) == 0
    return Use(
        draw(st.integers(0, DAYS - 1)),
        draw(st.sampled_from([0, 0, 0, 1, 2])),
        draw(st.sampled_from("AAABBBCF")),
        item,
        draw(st.integers(-2 if corrected and item != "hosts" else 0, 5)),
        draw(st.sampled_from([None, 3, 14, 30])) if item == "logs" else None,
        corrected,
    )


@st.composite
def orders(draw: st.DrawFn) -> tuple[int, dict[str, Any]]:
    listed = list(draw(workspace_lists(COMMERCIAL)))
    lines = [records.traffic(item, 1) for item in draw(st.lists(st.sampled_from(["logs", "hosts"]), max_size=2))]
    kind = draw(st.sampled_from(["purchase", "purchase", "add_traffic", "upgrade", "change_workspaces"]))
    order: dict[str, Any] = {"kind": kind, "account": ACCOUNT, "plan_id": "p0"}
    if kind == "purchase":
        order = {"kind": kind, "account": ACCOUNT, "plan": "small", "workspaces": listed, "traffic": lines}
    elif kind == "add_traffic":
        order |= {"traffic": lines or [records.traffic("logs", 2)]}
    elif kind == "upgrade":
        order |= {"plan": "large", "payments": [records.pay("9")]}
    else:
        order |= {"workspaces": listed}
    return draw(st.integers(0, DAYS - 1)), order


@st.composite
def stories(draw: st.DrawFn) -> Story:
    return Story(
        draw(st.lists(orders(), max_size=5)), draw(st.lists(uses(), min_size=4, max_size=30)), draw(st.booleans())
    )


def at(day: int, hour: int = 12) -> str:
    return f"{FIRST + timedelta(day)}T{hour:02}:00:00Z"


def days_of(story: Story) -> Days:
    """The days, folded and closed."""
    days = Days(at(0, 1), catalog=DENSE)
    for name in COMMERCIAL:
        days.bind(name)
    days.bind(FREE, commercial=None)
    days.order(records.top_up(ACCOUNT, "t", "1000"), at(0, 2))
    days.order(records.purchase(ACCOUNT, "p0", "small", ["A", "B"], []), at(0, 3))
    if story.dearer:
        days.append(CatalogVersion(version_json(dearer())), at(1))
    for day in range(DAYS + 2):
        if day:
            days.close_through(day_text(FIRST.toordinal() + day - 1), at(day, 2))
        for number, (when, order) in enumerate(story.orders):
            if when == day:
                days.order({"order_id": f"p{number + 1}", **order}, at(day, 4))
        for number, use in enumerate(story.uses):
            if use.day + use.late == day:
                days.use(
                    use.workspace,
                    use.item,
                    use.quantity,
                    at(use.day),
                    at=at(day),
                    retention=use.retention,
                    corrected=use.corrected,
                    id=f"u{number}",
                )
    return days


def dearer() -> Version:
    """From the third day on logs cost more and count otherwise, sms are sold by one."""
    price = Decimal("1.75")
    retentions = {3: Retention(2, Decimal("0.4")), 14: Retention(1, price), 30: Retention(3, Decimal("2.5"))}
    items = dict(DENSE.versions[0].items)
    items |= {
        "logs": Item("logs", "sum", 1, price, 14, retentions),
        "sms": Item("sms", "sum", 1, Decimal("0.05"), None, {}),
    }
    return Version(FIRST.toordinal() + 2, items, DENSE.versions[0].plans, DENSE.versions[0].traffic)


def published(days: Days, most_days: int = 400) -> History:
    """The history as its statements and plans tell it: of each key the last record."""
    last: dict[tuple[str, str], dict[str, Any]] = {}
    for topic, key, value in days.published:
        last[(topic, key)] = value
    by_topic: dict[str, list[bytes]] = {}
    for (topic, key), value in last.items():
        name = f"{topic}/{key.count('/')}" if topic == "statements" else topic
        by_topic.setdefault(name, []).append(json.dumps(value).encode())
    catalog: Catalog = days.fold.known().catalog
    return history_of(
        ACCOUNT,
        catalog,
        [plan_row(Plan.model_validate_json(each)) for each in by_topic.get("plans", [])],
        [AccountStatement.model_validate_json(each) for each in by_topic.get("statements/1", [])],
        [WorkspaceStatement.model_validate_json(each) for each in by_topic.get("statements/2", [])],
        most_days,
    )
