"""Updates cells and items from overages, balances and the statements of free days.

An overage holds its whole cell, and from the first one on every change is published, so if there is one, its highest
revision applies. A balance applies to workspaces that were never over, a statement to those on a free day.
"""

from meter.dashboard.ingest import records
from meter.dashboard.ingest.account_day import AccountDay, Cell
from meter.dashboard.ingest.feed import Feed
from meter.dashboard.ingest.published import Published
from meter.dashboard.ingest.rows import Rows
from meter.dashboard.ingest.samples import sample

OVERAGES, BALANCES, STATEMENTS = "o", "b", "s"
FREE = b'"basis":"free"'


def take_overage(rows: Rows, feed: Feed, record: Published) -> AccountDay | None:
    """A record of `overages`; the account's day if it is new."""
    found, at_ms = records.overage(record.value), record.at_ms
    if found.day < feed.oldest:
        return None
    day = rows.day(found.day, found.account)
    before = day.cell(found.workspace, found.item)
    if before is not None and before.source == OVERAGES and before.revision >= found.revision:
        return None
    feed.add(day, found, before, at_ms)
    sample(day.item(found.item), day.bounds, at_ms)
    after = Cell(found.revision, found.usage, found.covered, found.overage, found.charge.amount, found.basis, OVERAGES)
    day.put((found.workspace, found.item), before, after, at_ms)
    day.currency = found.charge.currency
    return day


def take_balance(rows: Rows, feed: Feed, record: Published) -> AccountDay | None:
    """A record of `quota-balances`; the account's day if it is new."""
    found, at_ms = records.quota_balance(record.value), record.at_ms
    if found.day < feed.oldest:
        return None
    day = rows.day(found.day, found.account)
    item = day.item(found.item)
    if item.revision >= found.revision:
        return None
    sample(item, day.bounds, at_ms)
    feed.report(day, found.item, found.revision, _take_workspaces(day, found, at_ms))
    names = encoded_names([each.workspace for each in found.workspaces])
    if names != item.workspaces:
        _drop_unlisted(day, found.item, set(decoded_names(item.workspaces)) - set(decoded_names(names)), at_ms)
    item.revision, item.more = found.revision, found.more
    item.quota, item.covered, item.left = found.quota, found.covered, found.left
    item.plans, item.workspaces = bytes(found.plans).decode(), names
    item.at_ms = max(item.at_ms, at_ms)
    day.at_ms = max(day.at_ms, at_ms)
    return day


def take_free_day(rows: Rows, feed: Feed, record: Published) -> AccountDay | None:
    """A workspace's record of `statements`; only free days add something new."""
    if FREE not in record.value:
        return None
    found = records.workspace_statement(record.value)
    if found.basis != "free" or found.day < feed.oldest:
        return None
    day = rows.day(found.day, found.account)
    for each in found.items:
        before = day.cell(found.workspace, each.item)
        if before is None or before.revision < found.revision:
            figures = (each.usage, each.covered, each.overage, each.charge.amount)
            after = Cell(found.revision, *figures, found.basis, STATEMENTS)
            day.put((found.workspace, each.item), before, after, record.at_ms)
    return day


def _take_workspaces(day: AccountDay, found: records.QuotaBalance, at_ms: int) -> dict[str, int]:
    """Update a balance's workspaces that were never over; return each workspace's usage since the previous balance."""
    reported = {}
    for each in found.workspaces:
        before = day.cell(each.workspace, found.item)
        if before is None or before.source == BALANCES:
            more = each.usage - (before.usage if before is not None else 0)
            if more:
                reported[each.workspace] = more
            charge = before.charge if before is not None else "0.00"
            if before is None or more or before.covered != each.covered or before.overage != each.overage:
                after = Cell(found.revision, each.usage, each.covered, each.overage, charge, "package", BALANCES)
                day.put((each.workspace, found.item), before, after, at_ms)
    return reported


def _drop_unlisted(day: AccountDay, item: str, names: set[str], at_ms: int) -> None:
    """Delete cells that only the previous balance had."""
    for name in names:
        cell = day.cell(name, item)
        if cell is not None and cell.source == BALANCES:
            day.put((name, item), cell, None, at_ms)


def encoded_names(names: list[str]) -> str:
    """Ids as JSON; no id has a character that JSON escapes."""
    within = '","'.join(names)
    return f'["{within}"]' if names else "[]"


def decoded_names(text: str) -> list[str]:
    """The ids again."""
    return text[2:-2].split('","') if len(text) > 2 else []
