"""Faust's transport with a consumer that reads chunks."""

import asyncio
import logging
from typing import Any, cast

from faust.transport import base as transport_base
from faust.transport.drivers.aiokafka import Transport
from mode import Service

from meter.batch.consumer import ChunkConsumer


class ChunkFetcher(transport_base.Fetcher):
    """Faust's service that reads; stopped in a rebalance it just ends (Faust's own wants a supervisor then)."""

    logger = logging.getLogger("faust.fetcher")

    @Service.task  # type: ignore[untyped-decorator]
    async def _fetcher(self) -> None:
        try:
            await cast(Any, self.app.consumer)._drain_messages(self)
        except asyncio.CancelledError:
            pass
        finally:
            self.set_shutdown()


class ChunkTransport(Transport):
    """Names the chunk consumer; everything else is Faust's aiokafka transport."""

    Consumer = ChunkConsumer
    Fetcher = ChunkFetcher
