"""Publishing on `overages`: a key's new revision, in which what a cell and a record have in common is written once."""

from typing import TYPE_CHECKING

from meter.rules.billing_days import day_text
from schemas.overages import OverageText, ending_text

if TYPE_CHECKING:
    from meter.rules.fold.fold import Fold
    from meter.rules.state.cause import Touch
    from meter.rules.state.context import Cell
    from meter.rules.state.quota_cache import Terms
    from schemas.rows import Use


def overages_of(cell: "Cell") -> OverageText:
    """Writes the overages of a cell."""
    return OverageText(cell.account, cell.item, day_text(cell.day))


def tell(
    fold: "Fold", touch: "Touch", terms: "Terms", name: str, use: "Use", delta: int, footing: str, charge: str
) -> None:
    """Publish the figures of a workspace, `delta` after those that were published before."""
    cell = touch.cell
    if not touch.ending:
        touch.restated = fold.known().closed(cell.account, cell.day)
        touch.ending = ending_text(touch.cause(), touch.restated)
    key, value = terms.overages.of(
        name, fold.revision, use.revision, use.usage, use.overage, delta, footing, charge, touch.ending
    )
    fold.say("overages", key, value)
    fold.count("overage", "restated" if touch.restated else "published")
    use.revision = fold.revision
    cell.changed.add(name)
