"""What is kept at hand of a cell is what its rows say: whoever goes on from the rows goes on the same way."""

from dataclasses import replace
from decimal import Decimal

from meter.rules.billing_days import parse_day
from meter.rules.state.rows import ROW_WORKSPACES
from schemas.catalog import Retention, Version, version_json
from schemas.journal import CatalogVersion
from tables.partition_state import PartitionState
from tests.rules.days_world import CATALOG, Days

DAY = "2026-02-01"
EARLY, BEFORE = f"{DAY}T00:02:00Z", "2026-01-31T23:59:59Z"
NAMES = [f"w{number:03}" for number in range(2 * ROW_WORKSPACES)]


def repriced() -> Version:
    """From `DAY` on logs kept for 30 days count three times."""
    (version,) = CATALOG.versions
    logs = version.items["logs"]
    longer = {**logs.retentions, 30: Retention(3, Decimal(2))}
    return replace(version, since=parse_day(DAY), items={**version.items, "logs": replace(logs, retentions=longer)})


def bought(days: Days) -> None:
    """A plan for all workspaces, which covers what they use."""
    for name in NAMES:
        days.bind(name)
    days.order({"order_id": "t", "account": "acct", "kind": "top_up", "method": "cash", "amount": "999999.00"}, BEFORE)
    paid = [{"method": "cash", "amount": "510000.00"}]
    plan = {"kind": "purchase", "plan": "enterprise", "workspaces": NAMES, "payments": paid}
    days.order({"order_id": "o", "account": "acct", **plan}, BEFORE)


def test_a_new_version_changes_the_rows_of_all_whose_usage_it_converts_otherwise() -> None:
    days = Days()
    bought(days)
    for name in NAMES:
        days.use(name, "logs", 1_000, EARLY, at=BEFORE, retention=30)
    days.append(CatalogVersion(version_json(repriced())), BEFORE)
    key = ("acct", parse_day(DAY), "logs")
    kept, read = days.state.cell(key), PartitionState(days.store).cell(key)
    assert {name: use.usage for name, use in kept.uses.items()} == dict.fromkeys(NAMES, 3_000)
    assert read.uses == kept.uses
