"""Applies a new dated catalog version as partition 0 of the journal decided it.

A version is decided before its first day begins, so usually no usage of its days is counted yet and it is only stored.
If some is (events may be 300 s ahead of Kafka's clock, and copies may come late), this record recalculates every cell
of those days, account by account: expensive, and rare.
"""

from collections.abc import Iterator

from meter.rules.catalog_versions import decided, repriced
from meter.rules.state.context import FoldContext
from schemas.journal import CatalogVersion


def announce(context: FoldContext, offset: int, timestamp_ms: int, entry: CatalogVersion) -> Iterator[None]:
    """Store a version if it counts, and mark the cells of days whose prices it changes."""
    before = context.known()
    found = decided(entry, offset, timestamp_ms)
    after = before.with_announced(found)
    if after is before:
        return
    context.facts = after
    for first, last in repriced(before.catalog, after.catalog):
        yield from _reprice(context, after.live_from(first), last, found.decided_offset)


def _reprice(context: FoldContext, first: int, last: int, offset: int) -> Iterator[None]:
    """Mark every cell of these days to be recalculated."""
    if first > last or not context.rows.counted_from(first):
        return
    for account in list(context.rows.accounts_after("")):
        for cell in list(context.rows.cells_from(account, first, last)):
            if cell.uses:
                context.change(cell).by_catalog(offset)
            yield
