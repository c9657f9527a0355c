"""Cells and items: what overages, balances and statements of free days say of a workspace's usage.

An overage says all of its cell and is published at every change from the first on, so where there is one, the highest
revision of it holds. A balance holds for workspaces that were never over, a statement for those on a free day.
"""

from meter.dashboard.ingest import records
from meter.dashboard.ingest.feed import Feed
from meter.dashboard.ingest.rows import Cell, ItemKey, Rows
from meter.dashboard.ingest.samples import Samples

OVERAGES, BALANCES, STATEMENTS = "o", "b", "s"
FREE = b'"basis":"free"'


def take_overage(rows: Rows, feed: Feed, samples: Samples, content: bytes, at_ms: int) -> tuple[str, str] | None:
    """A record of `overages`; the account's day if it is news."""
    found = records.overage(content)
    day = found.day
    if day < feed.oldest:
        return None
    key = (day, found.account, found.workspace, found.item)
    before = rows.cell(key)
    if before is not None and before.source == OVERAGES and before.revision >= found.revision:
        return None
    feed.add(found, before, at_ms)
    samples.at(day, found.account, found.item, at_ms)
    after = Cell(found.revision, found.usage, found.covered, found.overage, found.charge.amount, found.basis, OVERAGES)
    rows.put_cell(key, after, at_ms)
    rows.day((day, found.account)).currency = found.charge.currency
    return day, found.account


def take_balance(rows: Rows, feed: Feed, samples: Samples, content: bytes, at_ms: int) -> tuple[str, str] | None:
    """A record of `quota-balances`; the account's day if it is news."""
    found = records.quota_balance(content)
    day, account = found.day, found.account
    if day < feed.oldest:
        return None
    key = (day, account, found.item)
    item = rows.item(key)
    if item.revision >= found.revision:
        return None
    samples.at(day, account, found.item, at_ms)
    reported = _take_workspaces(rows, key, found, at_ms)
    feed.report(key, found.revision, reported)
    names = encoded_names([each.workspace for each in found.workspaces])
    if names != item.workspaces:
        _drop_unlisted(rows, key, set(decoded_names(item.workspaces)) - set(decoded_names(names)), at_ms)
    item.revision, item.more = found.revision, found.more
    item.quota, item.covered, item.left = found.quota, found.covered, found.left
    item.plans, item.workspaces = bytes(found.plans).decode(), names
    item.at_ms = max(item.at_ms, at_ms)
    totals = rows.day((day, account))
    totals.at_ms = max(totals.at_ms, at_ms)
    return day, account


def take_free_day(rows: Rows, feed: Feed, content: bytes, at_ms: int) -> tuple[str, str] | None:
    """A workspace's record of `statements`, of which only free days say something new."""
    if FREE not in content:
        return None
    found = records.workspace_statement(content)
    if found.basis != "free" or found.day < feed.oldest:
        return None
    for each in found.items:
        key = (found.day, found.account, found.workspace, each.item)
        before = rows.cell(key)
        if before is None or before.revision < found.revision:
            after = Cell(
                found.revision, each.usage, each.covered, each.overage, each.charge.amount, found.basis, STATEMENTS
            )
            rows.put_cell(key, after, at_ms)
    return found.day, found.account


def _take_workspaces(rows: Rows, key: ItemKey, found: records.QuotaBalance, at_ms: int) -> dict[str, int]:
    """Workspaces of a balance that were never over; how much usage each workspace got since the balance before."""
    day, account, name = key
    reported = {}
    for each in found.workspaces:
        cell_key = (day, account, each.workspace, name)
        before = rows.cell(cell_key)
        if before is None or before.source == BALANCES:
            more = each.usage - (before.usage if before is not None else 0)
            if more:
                reported[each.workspace] = more
            charge = before.charge if before is not None else "0.00"
            changed = before is None or before[1:4] != (each.usage, each.covered, each.overage)
            if changed:
                after = Cell(found.revision, each.usage, each.covered, each.overage, charge, "package", BALANCES)
                rows.put_cell(cell_key, after, at_ms)
    return reported


def _drop_unlisted(rows: Rows, key: ItemKey, names: set[str], at_ms: int) -> None:
    """Forget cells that only the balance before knew."""
    day, account, item = key
    for name in names:
        cell = rows.cell((day, account, name, item))
        if cell is not None and cell.source == BALANCES:
            rows.put_cell((day, account, name, item), None, at_ms)


def encoded_names(names: list[str]) -> str:
    """Ids as JSON: none of them has a character that JSON escapes."""
    within = '","'.join(names)
    return f'["{within}"]' if names else "[]"


def decoded_names(text: str) -> list[str]:
    """The ids again."""
    return text[2:-2].split('","') if len(text) > 2 else []
