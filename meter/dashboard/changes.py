"""Notifies readers of changes to parts of the read model: a set of changed regions per reader, never a queue."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from meter.dashboard.ingest.published import Region


class Subscription:
    """The changes for one reader since it last asked; at most the regions that it subscribed to."""

    def __init__(self, regions: Iterable[Region]) -> None:
        self.regions = frozenset(regions)
        self._changed: set[Region] = set()
        self._news = asyncio.Event()

    def changed(self, region: Region) -> None:
        """A subscribed region changed."""
        self._changed.add(region)
        self._news.set()

    async def wait(self) -> set[Region]:
        """Wait for a change; return the changed regions."""
        await self._news.wait()
        self._news.clear()
        changed, self._changed = self._changed, set()
        return changed


class Changes:
    """Notifies subscriptions; a region with an empty account or day matches all of its kind."""

    def __init__(self) -> None:
        self._wanted: defaultdict[Region, set[Subscription]] = defaultdict(set)

    @contextmanager
    def subscribed(self, *regions: Region) -> Iterator[Subscription]:
        """A subscription that ends with its reader."""
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
        """Notify of changed regions; call it in the event loop, after the commit."""
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
