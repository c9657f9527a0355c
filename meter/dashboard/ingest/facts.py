"""Rows that are the records themselves: statements, alerts, plans, wallets, order outcomes, dead letters."""

import sqlite3
from collections.abc import Sequence

from meter.dashboard.ingest import records
from meter.dashboard.ingest.rows import Rows, stored

#: Dead letters kept with their records; when a tenth more are there they are cut.
LETTERS_KEPT = 50_000


def take_statement(connection: sqlite3.Connection, content: bytes, partition: int, at_ms: int) -> tuple[str, str]:
    """An account's record of `statements`; its day."""
    found = records.account_statement(content)
    connection.execute(
        "INSERT INTO closings VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET day = excluded.day, at_ms = excluded.at_ms"
        " WHERE excluded.day > day",
        (partition, found.day, at_ms),
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
            content.decode() if is_newest else None,
        ),
    )
    return found.day, found.account


def take_alert(rows: Rows, content: bytes, at_ms: int, oldest: str) -> tuple[str, str] | None:
    """A record of `quota-alerts`; the account's day if it is news."""
    found = records.quota_alert(content)
    if found.day < oldest:
        return None
    key = (found.day, found.account, found.plan_id, found.item, found.threshold)
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
        rows.day(key[:2]).alerts += raised - (before == "raised")
    rows.connection.execute(
        "REPLACE INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*key, found.state, stored(found.quota), stored(found.covered), found.revision, raised_ms, cleared_ms),
    )
    return found.day, found.account


def take_record(connection: sqlite3.Connection, kind: str, key: str, content: bytes, at_ms: int) -> str:
    """A record of `plans`, `wallets` or `order-outcomes`; its account."""
    found = records.revised(content)
    connection.executemany(
        "INSERT OR IGNORE INTO workspaces VALUES (?, ?)",
        {(workspace, found.account) for each in found.lists for workspace in each.workspaces},
    )
    name = key.partition("/")[2]
    connection.execute(
        "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET revision = excluded.revision,"
        " at_ms = excluded.at_ms, body = excluded.body WHERE excluded.revision > revision",
        (kind, found.account, name, found.revision, at_ms, content.decode()),
    )
    return found.account


def take_letter(connection: sqlite3.Connection, content: bytes, place: tuple[int, int], at_ms: int) -> None:
    """A record of `dead-letters`, which stands at `place`; one that is published twice counts once."""
    found = records.dead_letter(content)
    key = (found.topic, found.partition, found.offset, found.reason)
    known = connection.execute(
        "SELECT 1 FROM letters WHERE topic = ? AND partition = ? AND offset = ? AND reason = ?", key
    ).fetchone()
    connection.execute(
        "INSERT INTO letters VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET at_ms = excluded.at_ms,"
        " letter_partition = excluded.letter_partition, letter_offset = excluded.letter_offset, body = excluded.body"
        " WHERE excluded.letter_offset > letter_offset",
        (*key, *place, at_ms, found.records, content.decode()),
    )
    if known is None:
        connection.execute(
            "INSERT INTO letter_groups VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " records = records + excluded.records, first_ms = min(first_ms, excluded.first_ms),"
            " last_ms = max(last_ms, excluded.last_ms)",
            (found.reason, found.topic, found.records, at_ms, at_ms),
        )


def cut_letters(connection: sqlite3.Connection) -> None:
    """Keep the newest letters; groups count the others on."""
    if connection.execute("SELECT count(*) FROM letters").fetchone()[0] > LETTERS_KEPT * 11 // 10:
        connection.execute(
            "DELETE FROM letters WHERE at_ms < (SELECT at_ms FROM letters ORDER BY at_ms DESC LIMIT 1 OFFSET ?)",
            (LETTERS_KEPT,),
        )


def put_accounts(connection: sqlite3.Connection, accounts: Sequence[tuple[str, int]]) -> None:
    """Accounts and their partitions."""
    connection.executemany("INSERT OR IGNORE INTO accounts VALUES (?, ?)", accounts)
