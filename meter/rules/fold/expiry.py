"""Expires days: after the restatement horizon a day is final, and its rows are deleted, a slice for each entry.

The first entry makes the day's figures final and its identities free. When the rows are deleted changes no figure.
"""

from collections.abc import Generator, Iterator

from meter.rules.outputs.quota_balances import publish_balance
from meter.rules.state.context import FoldContext
from schemas.journal import DayExpired

#: Accounts visited, and rows and identities deleted, by one entry.
SWEEP_ACCOUNTS = 2_000
SWEEP_ROWS = 20_000
SWEEP_IDENTITIES = 100_000
#: The cursor when all accounts are swept and identities remain; no account can have this name.
IDENTITIES = "/"


def expire(context: FoldContext, record: DayExpired) -> Iterator[None]:
    """Expire the days up to the entry's if they are due, then delete the next slice of expired rows."""
    facts = context.known()
    if facts.expired_through < record.day <= facts.expirable():
        yield from _last_balances(context, record.day)
        facts = context.facts = facts.with_expired(record.day)
        context.rows.expire(record.day)
    if facts.sweeping is not None:
        swept = yield from _sweep(context, facts.sweeping, facts.expired_through)
        context.facts = facts.with_swept(swept)


def _last_balances(context: FoldContext, through: int) -> Iterator[None]:
    """Publish the pending balances of expiring days before their cells are deleted."""
    for cell in [cell for cell in context.unbalanced if cell.day <= through]:
        publish_balance(context, cell, context.unbalanced.pop(cell))
        yield


def _sweep(context: FoldContext, cursor: str, through: int) -> Generator[None, None, str | None]:
    """Delete a slice of the rows of expired days. Returns the cursor for the next slice, or None when none are left."""
    if cursor != IDENTITIES:
        rows = 0
        for accounts, account in enumerate(context.rows.accounts_after(cursor), 1):
            rows += context.rows.drop_days(account, through)
            yield
            if accounts >= SWEEP_ACCOUNTS or rows >= SWEEP_ROWS:
                return account
    return IDENTITIES if context.rows.drop_identities(SWEEP_IDENTITIES) >= SWEEP_IDENTITIES else None
