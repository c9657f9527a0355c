"""How long advice takes: `python -m benchmarks.advise [--days 400] [--workspaces 20] [--portfolios 84]`, without Kafka.

An account that pays by usage, all items of the default catalog, some retentions cheaper unlisted, so every workspace is
in question. Seconds of CPU of one thread, part by part; the whole is what `meter advise` does after it has read.
"""

import argparse
import time
from collections.abc import Callable
from decimal import Decimal
from typing import TypeVar

import numpy as np

from meter.advise.advice import advice_of
from meter.advise.check import checked
from meter.advise.grid import grid_of
from meter.advise.history import ClosedDay, History, ItemUse, WorkspaceDay
from meter.advise.pools import Offer
from meter.advise.portfolios import portfolios
from meter.advise.present import market_of
from meter.advise.replay import Replay
from meter.advise.search import Room, searched
from schemas.catalog import Catalog, Item, load_catalog
from schemas.rows import NO_RETENTION

FIRST = 739_000
SEED = 17
T = TypeVar("T")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=400)
    parser.add_argument("--workspaces", type=int, default=20)
    parser.add_argument("--portfolios", type=int, default=84)
    given = parser.parse_args()
    history = made_history(load_catalog(), given.days, given.workspaces)
    today = FIRST + given.days
    replay = Replay(history.catalog)
    check = timed("check: every day replayed under its own plans", lambda: checked(history, replay))
    assert check.passed, check.sentence()
    grid = timed("arrays", lambda: grid_of(history, replay))
    market = market_of((), history.catalog, today)
    choice, _ = portfolios(market, grid, check.replayed / given.days)
    choice = sorted(choice, key=lambda each: each.bought)[: given.portfolios]
    traffic = history.catalog.version(today).traffic
    offers = {item: Offer(each.capacity, float(each.price) * 0.8 * given.days) for item, each in traffic.items()}
    found = timed(f"search, {len(choice)} portfolios", lambda: searched(grid, choice, offers, Room(frozenset())))
    print(f"  {found.sentence()}")
    whole = timed("the whole advice", lambda: advice_of(history, today, discount=Decimal("0.8")))
    print(f"  from today {whole.from_today.searched.portfolios}, in hindsight {whole.hindsight.searched.portfolios}")


def timed(what: str, work: Callable[[], T]) -> T:
    """Do the work and print its CPU seconds."""
    began = time.thread_time()
    answer = work()
    print(f"{what}: {time.thread_time() - began:.2f} s")
    return answer


def made_history(catalog: Catalog, days: int, workspaces: int) -> History:
    """A history whose published figures are the replay's."""
    rng = np.random.default_rng(SEED)
    items = catalog.versions[0].items
    plain = [
        ClosedDay(
            FIRST + day,
            Decimal("0.00"),
            {f"wksp_{who}": _workspace(items, day, rng) for who in range(workspaces)},
        )
        for day in range(days)
    ]
    replay = Replay(catalog)
    return History("acct", catalog, (), tuple(_published(day, replay) for day in plain), {})


def _workspace(items: dict[str, Item], day: int, rng: np.random.Generator) -> WorkspaceDay:
    busy = 1.0 if day % 7 < 5 else 0.5
    return WorkspaceDay(
        free=False, items={name: ItemUse(_reported(item, busy, rng), 0, 0, Decimal(0)) for name, item in items.items()}
    )


def _reported(item: Item, busy: float, rng: np.random.Generator) -> dict[int, int]:
    if item.aggregation == "max":
        return {NO_RETENTION: int(rng.integers(1, 8))}
    quantity = int(item.unit * busy * rng.gamma(2, 14))
    if not item.retentions:
        return {NO_RETENTION: quantity}
    return dict.fromkeys(sorted(item.retentions)[: 1 + int(rng.integers(0, 3))], quantity // 2)


def _published(day: ClosedDay, replay: Replay) -> ClosedDay:
    found = replay.day(day, ())
    workspaces = {
        who: WorkspaceDay(
            each.free,
            {
                name: ItemUse(use.reported, 0, found.items[name].overage[who], found.items[name].charge[who])
                for name, use in each.items.items()
            },
        )
        for who, each in day.workspaces.items()
    }
    return ClosedDay(day.day, found.due, workspaces)


if __name__ == "__main__":
    main()
