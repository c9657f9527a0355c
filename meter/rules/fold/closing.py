"""The day's end: closing a day in slices of accounts, restating closed days, letting expired ones go.

The worker says when (`agents.meter.day_end`); the fold believes only the broker's clock and its own order: days close
one after the other, a slice at a time, each where the last one ended. Whatever else such an entry says is ignored, so a
worker's wrong clock, a repeat or a late writer changes nothing; how long its slices are changes when things are told,
never what.
"""

from bisect import bisect_right
from collections.abc import Generator, Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

from meter.rules.fold.recalculate import stated_otherwise, steps
from meter.rules.outputs.quota_balances import balance
from meter.rules.outputs.statements import Sheet, sheet_of, state, state_account, state_workspace
from schemas.journal import DayClosed, DayExpired

if TYPE_CHECKING:
    from meter.rules.fold.fold import Fold
    from meter.rules.state.cause import Touch

#: Accounts closed by one entry, at most; and items of workspaces stated, after which it is enough (about 3 MB).
SLICE_ACCOUNTS = 200
SLICE_ITEMS = 10_000
#: The same of entries that close whole accounts, as earlier versions wrote them.
WHOLE_ACCOUNTS_ITEMS = 20_000
#: Accounts looked through and rows dropped by one entry of an expired day.
SWEEP_ACCOUNTS = 2_000
SWEEP_ROWS = 20_000
SWEEP_IDENTITIES = 100_000
#: Where a sweep stands when all accounts are done and identities are left; no account is named so.
IDENTITIES = "/"


class Roll(NamedTuple):
    """The workspaces of an account that is closed in several slices, sorted; kept from one to the next."""

    account: str
    day: int
    #: How many workspaces each cell had: none ever goes while the day can change.
    sizes: tuple[int, ...]
    names: list[str]


def close(fold: "Fold", timestamp_ms: int, record: DayClosed) -> Iterator[None]:
    """Close the next slice of the next day."""
    facts = fold.known()
    in_turn = record.day == facts.closed_through + 1 and record.cursor == facts.closing
    if not in_turn or timestamp_ms * 1000 < facts.closes_at_us(record.day):
        return
    most = record.items or WHOLE_ACCOUNTS_ITEMS
    last, _, workspace = facts.closing.partition("/")
    begun = (last,) if workspace else ()
    stated = 0
    for accounts, account in enumerate(chain(begun, fold.memory.accounts_after(last))):
        if accounts >= SLICE_ACCOUNTS or stated >= most:
            fold.facts = facts.with_closing(last)
            return
        items, workspace = yield from _close(fold, account, record, workspace, most - stated)
        if workspace:
            fold.facts = facts.with_closing(f"{account}/{workspace}")
            return
        stated += items
        last = account
    fold.facts = facts.with_closed(record.day)


def _close(
    fold: "Fold", account: str, record: DayClosed, after: str, most: int
) -> Generator[None, None, tuple[int, str]]:
    """Close an account from its workspace after this one on, and how many items that took, with its own statement.

    Once `most` items are stated it ends there, and answers the last workspace, if the entry may end inside an account.
    """
    sheet = yield from sheet_of(fold, account, record.day)
    if not sheet.lines and not sheet.plans:
        return 0, ""
    names, stated = _roll(fold, sheet), 0
    for part in steps(islice(names, bisect_right(names, after), None)):
        for name in part:
            if record.items and stated >= most:
                sheet.keep(b"")
                return stated, after
            stated += state_workspace(sheet, name)
            after = name
        yield
    fold.roll = None
    sheet.keep(state_account(sheet))
    return stated + 1, ""


def _roll(fold: "Fold", sheet: Sheet) -> list[str]:
    """The workspaces to be stated, in id order."""
    sizes = tuple(len(line.cell.uses) for line in sheet.lines)
    roll = fold.roll
    if roll is None or roll[:3] != (sheet.account, sheet.day, sizes):
        roll = fold.roll = Roll(sheet.account, sheet.day, sizes, sorted(sheet.names()))
    return roll.names


def restate(fold: "Fold", touched: Iterable["Touch"]) -> Iterator[None]:
    """Tell again what the record just folded changed of closed days, and of what is stated of a day being closed."""
    facts = fold.known()
    changed: dict[tuple[str, int], set[str]] = {day: set() for day in fold.changed_days}
    fold.changed_days = {}
    for touch in touched:
        account, day, _ = touch.cell.key
        if day <= facts.closed_through + 1 and (facts.closed(account, day) or facts.stated_through(account, day)):
            changed.setdefault((account, day), set()).update(stated_otherwise(fold, touch))
    for (account, day), names in changed.items():
        through = facts.stated_through(account, day)
        if through or facts.closed(account, day):
            yield from state(fold, account, day, names, through)


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
