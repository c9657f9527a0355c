"""`/explain/A/W/I/D`: the answer of `meter explain` as a page and as JSON, a few at a time, each within a minute."""

import asyncio
from collections.abc import Mapping

from meter.dashboard.asked import Asked
from meter.dashboard.sight import NotThere
from meter.errors import UserError
from meter.explain.model import Explanation
from meter.explain.reading import Wanted, explain
from meter.rules.billing_days import day_text
from meter.settings import Settings
from schemas.days import parse_date
from schemas.ids import is_id

#: Explanations at once, and the time limit of one: counting the sources of a large day rereads its journal.
AT_ONCE, SECONDS = 2, 60.0


class Explaining:
    """The explanations of one dashboard."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._places = asyncio.Semaphore(AT_ONCE)

    async def answer(self, asked: Asked) -> Explanation:
        """The explanation for an address; raises NotThere, or UserError if it is not available now."""
        return await self.of(wanted_of(asked))

    async def of(self, wanted: Wanted) -> Explanation:
        """The explanation of a figure; raises UserError if it is not available now."""
        try:
            async with asyncio.timeout(SECONDS), self._places:
                return await explain(self._settings, wanted)
        except TimeoutError:
            raise UserError(
                f"the explanation took more than {SECONDS:.0f} s; ask without its sources (?sources=0), or use the "
                f"command: meter explain {wanted.account} {wanted.workspace} {wanted.item} {day_text(wanted.day)}"
            ) from None


def is_explanation(asked: Asked) -> bool:
    """Whether an address asks for an explanation."""
    return len(asked.parts) == 5 and asked.parts[0] == "explain"


def wanted_of(asked: Asked) -> Wanted:
    """Parse an address."""
    account, workspace, item, day = asked.parts[1:]
    if not all(map(is_id, (account, workspace, item))):
        raise NotThere("an explanation is at /explain/ACCOUNT/WORKSPACE/ITEM/DAY")
    try:
        number = parse_date(day).toordinal()
        other = asked.query.get("compare")
        compared = parse_date(other).toordinal() if other else None
    except ValueError as error:
        raise NotThere(f"{error}; an explanation is at /explain/ACCOUNT/WORKSPACE/ITEM/DAY") from None
    return Wanted(
        account,
        workspace,
        item,
        number,
        revision=whole(asked.query, "revision"),
        compare_day=compared,
        compare_revision=None if compared is not None else whole(asked.query, "compare_revision"),
        sources=asked.query.get("sources") != "0",
    )


def whole(query: Mapping[str, str], name: str) -> int | None:
    """An integer in a query; None for anything else."""
    text = query.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None
