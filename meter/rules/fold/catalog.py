"""Announcing: a new dated version of the catalogue, as partition 0 of the journal decided it.

A version is decided before its first day begins, so it mostly meets no usage of its days and is only remembered.
Where some stands already (events may be 300 s ahead of Kafka's clock), every cell of those days is settled anew in
this one record: accounts are gone through one by one, which is the price of a case that hardly ever comes.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from meter.rules.catalog_versions import decided, repriced
from schemas.journal import CatalogueVersion

if TYPE_CHECKING:
    from meter.rules.fold.fold import Fold


def announce(fold: "Fold", offset: int, timestamp_ms: int, entry: CatalogueVersion) -> Iterator[None]:
    """Take a version over, if it counts and stands, and price the days anew that it changes."""
    before = fold.known()
    found = decided(entry, offset, timestamp_ms)
    after = before.with_announced(found)
    if after is before:
        return
    fold.facts = after
    for first, last in repriced(before.catalogue, after.catalogue):
        yield from _reprice(fold, after.live_from(first), last, found.decided_offset)
    yield from fold.settle()


def _reprice(fold: "Fold", first: int, last: int, offset: int) -> Iterator[None]:
    """Touch every cell of these days."""
    if first > last or not fold.memory.counted_from(first):
        return
    for account in list(fold.memory.accounts_after("")):
        for cell in list(fold.memory.cells_from(account, first, last)):
            if cell.uses:
                fold.touch(cell).by_catalogue(offset)
            yield
