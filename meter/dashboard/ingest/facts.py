"""Stores records as rows unchanged: statements, alerts, plans, wallets, order outcomes, dead letters."""

import sqlite3
from collections.abc import Sequence

from meter.budgets.topics import BUDGETS
from meter.dashboard.ingest import records
from meter.dashboard.ingest.account_day import AccountDay, stored
from meter.dashboard.ingest.published import Published, Region
from meter.dashboard.ingest.rows import Rows
from schemas.budgets import Budget, BudgetAlert

#: Dead letters kept with their records; they are cut back to this when a tenth more have come.
LETTERS_KEPT = 50_000


def take_statement(connection: sqlite3.Connection, record: Published) -> Region:
    """An account's record of `statements`; its day."""
    found, at_ms = records.account_statement(record.value), record.at_ms
    connection.execute(
        "INSERT INTO closings VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET day = excluded.day, at_ms = excluded.at_ms"
        " WHERE excluded.day > day",
        (record.partition, found.day, at_ms),
    )
    newest = connection.execute(
        "SELECT max(revision) FROM statements WHERE day = ? AND account = ?", (found.day, found.account)
    ).fetchone()[0]
    is_newest = newest is None or found.revision > newest
    if is_newest and newest is not None:
        connection.execute(
            "UPDATE statements SET body = NULL WHERE day = ? AND account = ? AND revision = ?",
            (found.day, found.account, newest),
        )
    connection.execute(
        "INSERT OR IGNORE INTO statements VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            found.day,
            found.account,
            found.revision,
            found.amount_due,
            found.currency,
            found.restated,
            at_ms,
            record.value.decode() if is_newest else None,
        ),
    )
    return Region("day", found.account, found.day)


def take_alert(rows: Rows, record: Published, oldest: str) -> AccountDay | None:
    """A record of `quota-alerts`; the account's day if it is new."""
    found, at_ms = records.quota_alert(record.value), record.at_ms
    if found.day < oldest:
        return None
    day = rows.day(found.day, found.account)
    key = (*day.key, found.plan_id, found.item, found.threshold)
    row = rows.connection.execute(
        "SELECT state, revision, raised_ms, cleared_ms FROM alerts"
        " WHERE day = ? AND account = ? AND plan_id = ? AND item = ? AND threshold = ?",
        key,
    ).fetchone()
    before, revision, raised_ms, cleared_ms = row or ("cleared", 0, None, None)
    if found.revision <= revision:
        return None
    raised = found.state == "raised"
    if found.state != before or row is None:
        raised_ms, cleared_ms = (at_ms, cleared_ms) if raised else (raised_ms, at_ms)
        day.alerts += raised - (before == "raised")
    rows.connection.execute(
        "REPLACE INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*key, found.state, stored(found.quota), stored(found.covered), found.revision, raised_ms, cleared_ms),
    )
    return day


def take_record(connection: sqlite3.Connection, record: Published) -> str:
    """A record of `plans`, `wallets` or `order-outcomes`; its account."""
    found = records.revised(record.value)
    connection.executemany(
        "INSERT OR IGNORE INTO workspaces VALUES (?, ?)",
        {(workspace, found.account) for each in found.lists for workspace in each.workspaces},
    )
    name = record.key.decode("utf-8", "replace").partition("/")[2]
    connection.execute(
        "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET revision = excluded.revision,"
        " offset = excluded.offset, at_ms = excluded.at_ms, body = excluded.body WHERE excluded.revision > revision",
        (record.topic, found.account, name, found.revision, record.offset, record.at_ms, record.value.decode()),
    )
    return found.account


def take_budget(connection: sqlite3.Connection, record: Published) -> str:
    """A record of `budgets`, which has no revision of its own, or of `budget-alerts`; its account.

    A record without a value deletes a budget.
    """
    account, _, name = record.key.decode("utf-8", "replace").partition("/")
    if not record.value:
        query = "DELETE FROM records WHERE kind = ? AND account = ? AND name = ? AND revision <= ?"
        connection.execute(query, (record.topic, account, name, record.offset))
        return account
    (Budget if record.topic == BUDGETS else BudgetAlert).model_validate_json(record.value)
    connection.execute(
        "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET revision = excluded.revision,"
        " offset = excluded.offset, at_ms = excluded.at_ms, body = excluded.body WHERE excluded.revision > revision",
        (record.topic, account, name, record.offset + 1, record.offset, record.at_ms, record.value.decode()),
    )
    return account


def take_letter(connection: sqlite3.Connection, record: Published) -> None:
    """A record of `dead-letters`; a letter published twice counts once."""
    found, at_ms = records.dead_letter(record.value), record.at_ms
    key = (found.topic, found.partition, found.offset, found.reason)
    known = connection.execute(
        "SELECT 1 FROM letters WHERE topic = ? AND partition = ? AND offset = ? AND reason = ?", key
    ).fetchone()
    connection.execute(
        "INSERT INTO letters VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET at_ms = excluded.at_ms,"
        " letter_partition = excluded.letter_partition, letter_offset = excluded.letter_offset, body = excluded.body"
        " WHERE excluded.letter_offset > letter_offset",
        (*key, record.partition, record.offset, at_ms, found.records, record.value.decode()),
    )
    if known is None:
        connection.execute(
            "INSERT INTO letter_groups VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " records = records + excluded.records, first_ms = min(first_ms, excluded.first_ms),"
            " last_ms = max(last_ms, excluded.last_ms)",
            (found.reason, found.topic, found.records, at_ms, at_ms),
        )


def cut_letters(connection: sqlite3.Connection) -> None:
    """Keep the newest letters; the groups still count the dropped ones."""
    if connection.execute("SELECT count(*) FROM letters").fetchone()[0] > LETTERS_KEPT * 11 // 10:
        connection.execute(
            "DELETE FROM letters WHERE at_ms < (SELECT at_ms FROM letters ORDER BY at_ms DESC LIMIT 1 OFFSET ?)",
            (LETTERS_KEPT,),
        )


def put_accounts(connection: sqlite3.Connection, accounts: Sequence[tuple[str, int]]) -> None:
    """Accounts and their partitions."""
    connection.executemany("INSERT OR IGNORE INTO accounts VALUES (?, ?)", accounts)
