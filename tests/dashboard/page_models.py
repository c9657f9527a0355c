"""Models of pages as the dashboard answers them: SPEC's worked example, a wide account, hostile text in every field."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from meter.dashboard.models import AsOf
from meter.dashboard.site import Site

MILLION = 1_000_000
DAY = "2026-01-31"
ZONE = "Asia/Shanghai"
NOW = f"{DAY}T20:00:03.120+08:00"
#: Item: unit, price of a unit, how it is aggregated.
CATALOG = {
    "datakit": (1, "3", "max"),
    "logs": (MILLION, "1.5", "sum"),
    "backup_logs": (10 * MILLION, "2", "sum"),
    "traces": (MILLION, "3", "sum"),
    "pv": (10_000, "1", "sum"),
    "api_calls": (10_000, "1", "sum"),
    "triggers": (10_000, "1", "sum"),
    "sms": (1, "0.1", "sum"),
}


def site(path: str = f"/accounts/acme/days/{DAY}", **more: Any) -> Site:
    """A request for a page by a reader who may only look."""
    fields = {
        "base_path": "",
        "version": "0.1.0",
        "path": path,
        "query": {},
        "writable": False,
        "time_zone": ZONE,
        "as_of": AsOf(time=NOW, seconds_behind=0.4),
        "loading": None,
        "parts": tuple(part for part in path.split("/") if part),
    }
    return Site(**{**fields, **more})


def item(name: str, quota: int, usages: Mapping[str, int], plan: str = "o-1") -> dict[str, Any]:
    """An item of a day: one plan that lists every workspace, drawn in their order (SPEC §4)."""
    unit, price, aggregation = CATALOG[name]
    left = quota
    workspaces: list[dict[str, Any]] = []
    for place, (workspace, usage) in enumerate(usages.items()):
        covered = min(usage, left)
        left -= covered
        over = usage - covered
        charge = Decimal(over * 100 // unit) / 100 * Decimal(price)
        workspaces.append(
            {
                "workspace": workspace,
                "usage": usage,
                "covered": covered,
                "overage": over,
                "charge": f"{charge:.2f}",
                "basis": "package" if plan else "pay_as_you_go",
                "revision": 1000 + place,
            }
        )
    covered = quota - left
    return {
        "quota": quota,
        "covered": covered,
        "left": left,
        "overage": sum(each["overage"] for each in workspaces),
        "charge": f"{sum(Decimal(each['charge']) for each in workspaces):.2f}",
        "plans": [{"plan_id": plan, "quota": quota, "covered": covered, "left": left}] if plan else [],
        "workspaces": workspaces,
        "more": 0,
        "unit": unit,
        "unit_price": price,
        "aggregation": aggregation,
    }


def day_model(items: Mapping[str, dict[str, Any]], **more: Any) -> dict[str, Any]:
    """A day of an account with these items."""
    parts = [each for one in items.values() for each in one["workspaces"]]
    names = dict.fromkeys(each["workspace"] for each in parts)
    amount = f"{sum(Decimal(each['charge']) for each in parts):.2f}"
    found = {
        "account": "acme",
        "day": DAY,
        "today": DAY,
        "state": "open",
        "closes_at": "2026-02-01T01:00:00+08:00",
        "changes_until": "2026-03-07",
        "time_zone": ZONE,
        "currency": "CNY",
        "amount": amount,
        "as_of": {"time": NOW, "seconds_behind": 0.4},
        "begins": f"{DAY}T00:00:00+08:00",
        "ends": "2026-02-01T00:00:00+08:00",
        "hours": 24.0,
        "items": dict(items),
        "workspaces": [
            {
                "workspace": name,
                "basis": "package",
                "charge": f"{sum(Decimal(each['charge']) for each in parts if each['workspace'] == name):.2f}",
                "items_over": sum(1 for each in parts if each["workspace"] == name and each["overage"]),
            }
            for name in names
        ],
        "statement": None,
        "feed": [],
        "samples": {},
        "strip": strip(amount),
        "alerts_raised": 1,
        "budgets": [],
        "forecast": None,
    }
    return {**found, **more}


def strip(today: str) -> list[dict[str, Any]]:
    """Thirty-six days: the first is final, the last is open; some were restated, of one nothing is known."""
    first = date.fromisoformat(DAY) - timedelta(days=35)
    amounts = [
        "64.50",
        "0.00",
        "12.00",
        "88.20",
        "75.00",
        "75.00",
        "91.35",
        "40.00",
        "0.00",
        "131.10",
        "54.00",
        "69.00",
    ]
    days = []
    for place in range(36):
        name = (first + timedelta(days=place)).isoformat()
        state = "open" if place == 35 else "final" if place == 0 else "closed"
        amount = today if place == 35 else None if place == 1 else amounts[place % len(amounts)]
        days.append({"day": name, "state": state, "amount": amount, "restated": place in (12, 27)})
    return days


def change(workspace: str, before: int | None, over: int, delta: str | None, charge: str, sent: bool) -> dict[str, Any]:
    """A figure that a record changed."""
    return {
        "workspace": workspace,
        "overage_before": before,
        "overage": over,
        "delta": over - (before or 0),
        "charge_delta": delta,
        "charge": charge,
        "sent": sent,
    }


def entry(at: str, revision: int, name: str, cause: Mapping[str, Any], *changes: dict[str, Any]) -> dict[str, Any]:
    """What one record changed of an item."""
    place = {"topic": "usage", "partition": 3, "first_offset": revision, "last_offset": revision + 9}
    return {
        "time": f"{DAY}T{at}+08:00",
        "revision": revision,
        "item": name,
        "restated": False,
        "cause": {"kind": "usage", "workspaces": [], **place, **cause},
        "changes": list(changes),
        "more": 0,
    }


def samples(total: int, hours: int = 20) -> list[dict[str, Any]]:
    """Usage that grows over the working hours, a quarter of an hour at a time."""
    found = []
    for quarter in range(hours * 4 + 1):
        share = min(max(quarter - 28, 0), 48) / 48
        smooth = share * share * (3 - 2 * share)
        at = f"{DAY}T{quarter // 4:02}:{quarter % 4 * 15:02}:00+08:00"
        found.append({"time": at, "usage": int(total * smooth)})
    return found


def worked_day() -> dict[str, Any]:
    """SPEC's W2: 150 M of logs for production, then staging; production reports last, and staging is over."""
    items = {
        "logs": item("logs", 150 * MILLION, {"acme-prod": 100 * MILLION, "acme-staging": 100 * MILLION}),
        "datakit": item("datakit", 20, {"acme-prod": 9, "acme-staging": 6}),
        "traces": item("traces", 5 * MILLION, {"acme-prod": 3_200_000, "acme-staging": 1_400_000}),
        "pv": item("pv", 400_000, {"acme-prod": 210_000}),
        "triggers": item("triggers", 190_000, {}),
    }
    staging, lone = {"workspaces": ["acme-staging"]}, {"workspaces": ["acme-prod"]}
    ordered = {"kind": "order", "workspaces": [], "orders": ["acme-logs"]}
    feed = [
        entry("20:00:01", 1042, "logs", lone, change("acme-staging", 0, 50 * MILLION, "75.00", "75.00", False)),
        entry("14:12:40", 911, "logs", ordered, change("acme-staging", 18_400_000, 0, "-27.60", "0.00", False)),
        entry("14:05:12", 905, "logs", staging, change("acme-staging", 9_100_000, 18_400_000, "13.95", "27.60", True)),
        entry("13:30:07", 861, "logs", staging, change("acme-staging", 0, 9_100_000, "13.65", "13.65", True)),
    ]
    return day_model(items, feed=feed, samples={"logs": samples(200 * MILLION), "traces": samples(4_600_000)})


#: Names as they come: short ones, long ones, one of the longest that there may be.
NAMES = [
    "checkout",
    "storefront",
    "payments",
    "search",
    "mobile-gateway",
    "reports",
    "staging",
    "sandbox",
    "recommendation-engine",
    "eu-west-1-primary",
    "eu-west-1-replica",
    "ap-southeast-2",
    "batch-night",
    "fraud-detection",
    "marketing-site",
    "internal-tools",
    "data-platform",
    "ci",
    "load-test",
    "a" * 64,
]


def wide_day(names: list[str] | None = None) -> dict[str, Any]:
    """Twenty workspaces and eight items; one item is forty times its quota, two have none, one is hardly used."""
    names = names or NAMES
    weights = [((place * 7919) % 97) + 3 for place in range(len(names))]
    whole = sum(weights)

    def spread(total: int) -> dict[str, int]:
        return {name: total * weight // whole for name, weight in zip(names, weights, strict=True)}

    items = {
        "logs": item("logs", 400 * MILLION, spread(484_318_207)),
        "datakit": item("datakit", 100, {name: weight // 8 for name, weight in zip(names, weights, strict=True)}),
        "traces": item("traces", 50 * MILLION, spread(2_000 * MILLION)),
        "pv": item("pv", 2 * MILLION, spread(2_004_000)),
        "triggers": item("triggers", 1_400_000, spread(1_270_000)),
        "backup_logs": item("backup_logs", 0, dict(list(spread(840 * MILLION).items())[:5]), plan=""),
        "api_calls": item("api_calls", 0, {names[3]: 415_000}, plan=""),
        "sms": item("sms", 100, {names[0]: 1}),
    }
    causes = ({"workspaces": names[:5]}, {"workspaces": [names[0]]})
    feed = [
        entry(
            f"{19 - place // 3:02}:{place * 7 % 60:02}:11",
            2000 - place,
            "traces" if place % 2 else "logs",
            causes[place % 2],
            *(
                change(
                    names[-1 - other], (place + 1) * 10 * MILLION, (40 - place) * 10 * MILLION, "12.30", "99.00", False
                )
                for other in range(1 + place % 3)
            ),
        )
        for place in range(40)
    ]
    return day_model(items, account="juniper", feed=feed, samples={"logs": samples(484_318_207)})
