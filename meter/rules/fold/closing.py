"""Closes a day in slices of accounts, and restates closed days.

The worker appends the entries (`agents.meter.day_end`), but the fold decides by the broker's clock: days close in
order, slice by slice, each where the last one ended. Any other entry is ignored, so a wrong clock, a repeat or a late
writer changes nothing. The size of slices decides when statements are published, never their content.
"""

from bisect import bisect_right
from collections.abc import Generator, Iterable, Iterator
from itertools import chain, islice

from meter.rules.fold.recalculate import stated_otherwise
from meter.rules.outputs.statements import Sheet, sheet_of, state, state_account, state_workspace
from meter.rules.state.cause import CellChange
from meter.rules.state.context import ClosingAccount, FoldContext
from meter.rules.state.figures import steps
from schemas.journal import DayClosed

#: One entry closes at most this many accounts, and about this many items of workspaces (3 MB of statements).
SLICE_ACCOUNTS = 200
SLICE_ITEMS = 10_000
#: The same limit for entries of earlier versions, which close whole accounts only.
WHOLE_ACCOUNTS_ITEMS = 20_000


def close(context: FoldContext, timestamp_ms: int, record: DayClosed) -> Iterator[None]:
    """Close the next slice of the next day."""
    facts = context.known()
    in_turn = record.day == facts.closed_through + 1 and record.cursor == facts.closing
    if not in_turn or timestamp_ms * 1000 < facts.closes_at_us(record.day):
        return
    most = record.items or WHOLE_ACCOUNTS_ITEMS
    last, _, workspace = facts.closing.partition("/")
    begun = (last,) if workspace else ()
    stated = 0
    for accounts, account in enumerate(chain(begun, context.rows.accounts_after(last))):
        if accounts >= SLICE_ACCOUNTS or stated >= most:
            context.facts = facts.with_closing(last)
            return
        items, workspace = yield from _close(context, account, record, workspace, most - stated)
        if workspace:
            context.facts = facts.with_closing(f"{account}/{workspace}")
            return
        stated += items
        last = account
    context.facts = facts.with_closed(record.day)


def _close(
    context: FoldContext, account: str, record: DayClosed, after: str, most: int
) -> Generator[None, None, tuple[int, str]]:
    """Close an account behind the workspace `after`. Returns how many items it stated, its own included, and "".

    If the entry may end inside an account, it stops after `most` items and returns the last workspace stated, not "".
    """
    sheet = yield from sheet_of(context, account, record.day)
    if not sheet.lines and not sheet.plans:
        return 0, ""
    names, stated = _names_in_order(context, sheet), 0
    for part in steps(islice(names, bisect_right(names, after), None)):
        for name in part:
            if record.items and stated >= most:
                sheet.keep(b"")
                return stated, after
            stated += state_workspace(sheet, name)
            after = name
        yield
    context.closing_account = None
    sheet.keep(state_account(sheet))
    return stated + 1, ""


def _names_in_order(context: FoldContext, sheet: Sheet) -> list[str]:
    """The account's workspaces with counted events, in id order; sorted once for all slices of the account."""
    sizes = tuple(len(line.cell.uses) for line in sheet.lines)
    closing = context.closing_account
    if closing is None or closing[:3] != (sheet.account, sheet.day, sizes):
        closing = context.closing_account = ClosingAccount(sheet.account, sheet.day, sizes, sorted(sheet.names()))
    return closing.names


def restate(context: FoldContext, changed_cells: Iterable[CellChange]) -> Iterator[None]:
    """Restate what the record changes: closed days, and the accounts already closed of the day that is closing."""
    facts = context.known()
    changed: dict[tuple[str, int], set[str]] = {day: set() for day in context.changed_days}
    context.changed_days = {}
    last = facts.closed_through + 1 if facts.closing else facts.closed_through
    for change in changed_cells if context.earliest <= last else ():
        account, day, _ = change.cell.key
        if day <= last and (facts.closed(account, day) or facts.stated_through(account, day)):
            changed.setdefault((account, day), set()).update(stated_otherwise(context, change))
    for (account, day), names in changed.items():
        through = facts.stated_through(account, day)
        if through or facts.closed(account, day):
            yield from state(context, account, day, names, through)
