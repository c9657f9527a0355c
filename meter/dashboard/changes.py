"""Who wants to know of which part of the read model: a set of changed regions a reader, never a queue."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from meter.dashboard.ingest.published import Region


class Subscription:
    """What changed for one reader since it last asked; it holds at most the regions that it asked for."""

    def __init__(self, regions: Iterable[Region]) -> None:
        self.regions = frozenset(regions)
        self._changed: set[Region] = set()
        self._news = asyncio.Event()

    def changed(self, region: Region) -> None:
        """A region that it wants changed."""
        self._changed.add(region)
        self._news.set()

    async def wait(self) -> set[Region]:
        """The regions that changed, as soon as there are any."""
        await self._news.wait()
        self._news.clear()
        changed, self._changed = self._changed, set()
        return changed


class Changes:
    """Tells subscriptions what changed; a region with an empty account or day stands for all of its kind."""

    def __init__(self) -> None:
        self._wanted: defaultdict[Region, set[Subscription]] = defaultdict(set)

    @contextmanager
    def subscribed(self, *regions: Region) -> Iterator[Subscription]:
        """A subscription, for as long as a reader is there."""
        subscription = Subscription(regions)
        for region in subscription.regions:
            self._wanted[region].add(subscription)
        try:
            yield subscription
        finally:
            for region in subscription.regions:
                self._wanted[region].discard(subscription)
                if not self._wanted[region]:
                    del self._wanted[region]

    def publish(self, changed: Iterable[Region]) -> None:
        """Regions changed: in the event loop, after their commit."""
        wider = {
            wanted
            for region in changed
            for wanted in (
                region,
                Region(region.kind, region.account),
                Region(region.kind, "", region.day),
                Region(region.kind),
            )
        }
        for region in wider & self._wanted.keys():
            for subscription in self._wanted[region]:
                subscription.changed(region)
