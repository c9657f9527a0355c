"""The largest of what rows, outputs and journal records are made of, by SPEC's limits and the catalog's."""

from decimal import Decimal

import msgspec

from schemas.catalog_file import CATALOG_LIMIT_BYTES, ITEMS_LIMIT, RETENTIONS_LIMIT
from schemas.ids import (
    EVENT_NAME_LIMIT,
    PAYMENTS_LIMIT,
    PLAN_TRAFFIC_LIMIT,
    PLANS_LIMIT,
    TRAFFIC_LIMIT,
    UNITS_LIMIT,
    WORKSPACES_LIMIT,
)
from schemas.journal import Opening
from schemas.money import PRICE_LIMIT
from schemas.orders import Purchase, TrafficLine, canonical
from schemas.rows import Correction, Package, Plan, Rate, Traffic, Use, WorkspaceList

#: A sum of 10^9 events of 10^15, at a factor of 10^6; and money of it at the longest price.
SUM = 10**30
MONEY = f"{SUM}.{'9' * PRICE_LIMIT}"
DAY, DAY_TEXT, REVISION = 739_000, "2026-01-31", 10**18
#: Retentions that fit a catalog of its limit, at 29 bytes each, in one workspace's day.
RETENTIONS_IN_ALL = CATALOG_LIMIT_BYTES // 29
#: Changes of one plan, a day each, of a journal that was not read for a year, or of the longest horizon.
DAYS_OF_HISTORY = 500


def ids(count: int, letter: str = "w") -> list[str]:
    """So many of the longest ids."""
    return [f"{letter}{number:063d}" for number in range(count)]


NAME, PLANS, NAMES, ITEMS = ids(1)[0], ids(PLANS_LIMIT, "p"), tuple(ids(WORKSPACES_LIMIT)), ids(ITEMS_LIMIT, "i")


def largest_plan() -> Plan:
    package = Package(DAY, NAME, Decimal("9" * (PRICE_LIMIT - 4) + ".999"), dict.fromkeys(ITEMS, 10**15))
    line = Traffic(NAME, UNITS_LIMIT, Decimal("0.9999"), DAY, DAY + 36_600, 10**15)
    days = range(DAY, DAY + DAYS_OF_HISTORY)
    return Plan(
        NAME,
        DAY,
        DAY + 36_600,
        tuple(msgspec.structs.replace(package, since=day) for day in days),
        tuple(WorkspaceList(day, NAMES) for day in days),
        (line,) * PLAN_TRAFFIC_LIMIT,
    )


def largest_use() -> Use:
    rates = tuple(Rate(36_600, 10**15, "9" * PRICE_LIMIT) for _ in range(RETENTIONS_LIMIT))
    correction = Correction(10**18, "\U0001f600" * EVENT_NAME_LIMIT, "\U0001f600" * EVENT_NAME_LIMIT, 10**15)
    sums = {36_600 - number: SUM for number in range(RETENTIONS_LIMIT)}
    return Use(sums, SUM, correction, SUM, SUM, REVISION, tuple(PLANS), rates, (SUM,) * RETENTIONS_LIMIT)


def largest_order() -> bytes:
    paid = {"method": "prepaid_card", "instrument": NAME, "amount": f"{10**12 - 1}.99"}
    traffic = TrafficLine(item=NAME, units=UNITS_LIMIT, discount=Decimal("0.9999"))
    order = Purchase.model_validate(
        {
            "order_id": NAME,
            "account": NAME,
            "kind": "purchase",
            "plan": NAME,
            "workspaces": list(NAMES),
            "traffic": [traffic.model_dump(mode="json")] * TRAFFIC_LIMIT,
            "first_day": DAY_TEXT,
            "payments": [paid] * PAYMENTS_LIMIT,
        }
    )
    return canonical(order, "CNY")


def opening() -> Opening:
    return Opening("m" * 36, "America/Argentina/ComodRivadavia", "CNY", 10**4, 10**6, 366, b"x" * CATALOG_LIMIT_BYTES)
