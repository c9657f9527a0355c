"""The day's end: closing a day in slices of accounts, restating closed days, letting expired ones go.

The worker says when (`agents.closing`); the fold believes only the broker's clock and its own order: days close one
after the other, a slice at a time, each where the last one ended. Whatever else such an entry says is ignored, so a
worker's wrong clock, a repeat or a late writer changes nothing.
"""

from collections.abc import Generator, Iterable, Iterator
from typing import TYPE_CHECKING

from meter.rules.balances import balance
from meter.rules.statements import state
from schemas.journal import DayClosed, DayExpired

if TYPE_CHECKING:
    from meter.rules.fold import Fold
    from meter.rules.touches import Touch

#: Accounts closed by one entry, at most; and items of workspaces stated, after which it is enough (about 8 MB).
SLICE_ACCOUNTS = 200
SLICE_ITEMS = 20_000
#: Accounts looked through and rows dropped by one entry of an expired day.
SWEEP_ACCOUNTS = 2_000
SWEEP_ROWS = 20_000
SWEEP_IDENTITIES = 100_000
#: Where a sweep stands when all accounts are done and identities are left; no account is named so.
IDENTITIES = "/"


def close(fold: "Fold", timestamp_ms: int, record: DayClosed) -> Iterator[None]:
    """Close the next slice of the next day."""
    facts = fold.known()
    in_turn = record.day == facts.closed_through + 1 and record.cursor == facts.closing
    if not in_turn or timestamp_ms * 1000 < facts.closes_at_us(record.day):
        return
    last, stated = "", 0
    for accounts, account in enumerate(fold.memory.accounts_after(facts.closing)):
        if accounts >= SLICE_ACCOUNTS or stated >= SLICE_ITEMS:
            fold.facts = facts.with_closing(last)
            return
        stated += yield from state(fold, account, record.day)
        last = account
    fold.facts = facts.with_closed(record.day)


def restate(fold: "Fold", touched: Iterable["Touch"]) -> Iterator[None]:
    """Tell again what the record just folded changed of closed days."""
    facts = fold.known()
    days: dict[tuple[str, int], set[str] | None] = dict(fold.changed_days)
    fold.changed_days = {}
    for touch in touched:
        cell = touch.cell
        key = (cell.account, cell.day)
        if not facts.closed(*key):
            continue
        changed, names = touch.changed(), days.setdefault(key, set())
        days[key] = None if names is None or changed is None else names | changed
    for (account, day), changed in days.items():
        if facts.closed(account, day):
            yield from state(fold, account, day, changed)


def expire(fold: "Fold", record: DayExpired) -> Iterator[None]:
    """Let the days up to the entry's expire, or go on dropping the rows of those that have.

    From the first entry on their figures are final and their identities free; when the rows go is of no meaning.
    """
    facts = fold.known()
    if facts.expired_through < record.day <= facts.expirable():
        yield from _last_balances(fold, record.day)
        facts = fold.facts = facts.with_expired(record.day)
        fold.memory.expire(record.day)
    if facts.sweeping is not None:
        swept = yield from _sweep(fold, facts.sweeping, facts.expired_through)
        fold.facts = facts.with_swept(swept)


def _last_balances(fold: "Fold", through: int) -> Iterator[None]:
    """Balances of expiring days are told before their cells go; nothing changes them any more."""
    for key in [key for key in fold.unbalanced if key[1] <= through]:
        balance(fold, *fold.unbalanced.pop(key))
        yield


def _sweep(fold: "Fold", cursor: str, through: int) -> Generator[None, None, str | None]:
    """Drop a slice of the rows of expired days; where to go on, or None when none are left."""
    if cursor != IDENTITIES:
        rows = 0
        for accounts, account in enumerate(fold.memory.accounts_after(cursor), 1):
            rows += fold.memory.drop_days(account, through)
            yield
            if accounts >= SWEEP_ACCOUNTS or rows >= SWEEP_ROWS:
                return account
    return IDENTITIES if fold.memory.drop_identities(SWEEP_IDENTITIES) >= SWEEP_IDENTITIES else None
