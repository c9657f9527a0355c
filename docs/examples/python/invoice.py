"""Turns the statements of one account and month into the lines of an invoice.

    pip install confluent-kafka
    python invoice.py acct_1 2026-01

Amounts of days are rounded once, each day by itself: their sum is the invoice's total.
"""

import sys
from collections import defaultdict
from decimal import Decimal
from typing import Any

from overages import PREFIX, records


def statements(account: str, month: str) -> tuple[dict[str, Any], dict[tuple[str, str], Any]]:
    """The highest revision of each day's statement, and of each workspace's on that day."""
    days: dict[str, Any] = {}
    workspaces: dict[tuple[str, str], Any] = {}
    for record in records(PREFIX + "statements"):
        if record["account"] != account or not record["day"].startswith(month):
            continue
        kept: dict[Any, Any] = workspaces if "workspace" in record else days
        key = (record["day"], record["workspace"]) if "workspace" in record else record["day"]
        if key not in kept or record["revision"] > kept[key]["revision"]:
            kept[key] = record
    return days, workspaces


def main(account: str, month: str) -> None:
    days, workspaces = statements(account, month)
    lines: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for (_, workspace), statement in workspaces.items():
        for item in statement["items"]:
            lines[workspace, item["item"]] += Decimal(item["charge"]["amount"])
    for (workspace, item), amount in sorted(lines.items()):
        if amount:
            print(f"{workspace:<24}{item:<16}{amount:>14}")
    due = sum((Decimal(statement["amount_due"]) for statement in days.values()), Decimal(0))
    rounding = due - sum(lines.values(), Decimal(0))
    print(f"{'rounding':<40}{rounding:>14}")
    restated = sum(statement["restated"] for statement in days.values())
    print(f"{'total of ' + str(len(days)) + ' days':<40}{due:>14}  ({restated} restated)")


if __name__ == "__main__":
    main(*sys.argv[1:])
