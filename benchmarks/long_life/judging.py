"""Whether the figures are right in the end: overages, wallets and statements against what was sent, and `meter verify`.

Usage is what the load added up while it sent; orders are read back from their topic, for the times that Kafka gave.
"""

import json
import os
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from benchmarks.committed import read
from benchmarks.long_life.traffic import CAPACITY, TOP_UP_CENTS, Cell, Scale
from meter.rules.billing_days import zone

CENT = Decimal("0.01")
UNIT, PRICE = 1_000, Decimal("1.5")


@dataclass
class Expected:
    """What must be published, by key; a workspace's figures are (usage, covered, overage)."""

    figures: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    statements: dict[str, Any] = field(default_factory=dict)
    wallets: dict[str, Decimal] = field(default_factory=dict)


def last(broker: str, topic: str) -> dict[str, Any]:
    """The last record of every key; revisions that do not rise are told."""
    found: dict[str, Any] = {}
    for record in read(broker, topic):
        key, value = record.key().decode(), json.loads(record.value())
        if key in found and found[key]["revision"] >= value["revision"]:
            raise SystemExit(f"{topic} {key}: revision {value['revision']} after {found[key]['revision']}")
        found[key] = value
    return found


def expected(usage: dict[Cell, int], scale: Scale, time_zone: str, broker: str, prefix: str, closed: int) -> Expected:
    """By plain loops; statements of the days up to `closed`."""
    billing, known = zone(time_zone), Expected()
    first: dict[tuple[str, str], tuple[int, Any]] = {}
    for record in read(broker, prefix + "plan-purchases"):
        order = json.loads(record.value())
        day = billing.day_of(record.timestamp()[1] * 1_000)
        first.setdefault((order["account"], order["order_id"]), (day, order))
    quota: dict[tuple[str, str, int], int] = defaultdict(int)
    bought: dict[str, int] = {}
    days = {day for _, day, _, _ in usage} | {closed}
    for (account, _), (day, order) in sorted(first.items(), key=lambda each: each[1][0]):
        key = f"{account}/cash"
        if order["kind"] == "top_up":
            known.wallets[key] = known.wallets.get(key, Decimal(0)) + Decimal(TOP_UP_CENTS) / 100
        elif order["kind"] == "purchase":
            bought[account] = day
        for line in order.get("traffic", ()):
            for each in (each for each in days if each >= day):
                quota[account, line["item"], each] += CAPACITY * line["units"]
    _figures(usage, scale, quota, bought, known)
    _statements(usage, bought, known, closed)
    return known


def _figures(
    usage: dict[Cell, int],
    scale: Scale,
    quota: dict[tuple[str, str, int], int],
    bought: dict[str, int],
    known: Expected,
) -> None:
    lists = scale.lists()
    for account, day, item in {cell[:3] for cell in usage}:
        free = day < bought[account]
        left = 0 if free else scale.quota + quota[account, item, day]
        for workspace in lists[account]:
            used = usage.get((account, day, item, workspace), 0)
            covered = min(left, used)
            left -= covered
            if used:
                over = 0 if free else used - covered
                known.figures[f"{account}/{workspace}/{item}/{date.fromordinal(day)}"] = (used, covered, over)


def _statements(usage: dict[Cell, int], bought: dict[str, int], known: Expected, closed: int) -> None:
    due: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
    for account, day, item, workspace in usage:
        if day > closed:
            continue
        figure = known.figures[f"{account}/{workspace}/{item}/{date.fromordinal(day)}"]
        due[account, day] += Decimal(figure[2] * 100 // UNIT) / 100 * PRICE
        key = f"{account}/{date.fromordinal(day)}/{workspace}"
        known.statements.setdefault(key, {})[item] = figure
    for account, since in bought.items():
        if since <= closed:
            due[account, closed] += 0
    for (account, day), amount in due.items():
        known.statements[f"{account}/{date.fromordinal(day)}"] = amount.quantize(CENT, ROUND_HALF_UP)


def wrong(known: Expected, broker: str, prefix: str) -> list[str]:
    """Every difference, a line each."""
    published = last(broker, prefix + "overages")
    found = {key: (value["usage"], value["covered"], value["overage"]) for key, value in published.items()}
    over = {key: figure for key, figure in known.figures.items() if figure[2] or key in found}
    statements = {key: _content(value) for key, value in last(broker, prefix + "statements").items()}
    wallets = {key: Decimal(value["balance"]) for key, value in last(broker, prefix + "wallets").items()}
    dead = sum(1 for _ in read(broker, prefix + "dead-letters"))
    return (
        [f"{dead} dead letters"] * bool(dead)
        + _differences("overages", over, found)
        + _differences("statements", known.statements, statements)
        + _differences("wallets", known.wallets, wallets)
    )


def _content(statement: dict[str, Any]) -> Any:
    if "workspace" not in statement:
        return Decimal(statement["amount_due"])
    return {each["item"]: (each["usage"], each["covered"], each["overage"]) for each in statement["items"]}


def _differences(topic: str, wanted: dict[str, Any], told: dict[str, Any]) -> list[str]:
    return [
        f"{topic} {key}: {told.get(key)}, must be {wanted.get(key)}"
        for key in sorted(wanted.keys() | told.keys())
        if wanted.get(key) != told.get(key)
    ]


def verified(settings: dict[str, str], data_dir: str) -> tuple[bool, str]:
    """`meter verify`: whether nothing differs, and its last line."""
    command = [sys.executable, "-m", "meter.cli", "verify"]
    environment = os.environ | settings | {"METER_DATA_DIR": data_dir}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).strip().splitlines()
    return done.returncode == 0, lines[-1] if lines else "nothing said"
