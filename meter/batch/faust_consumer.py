"""Faust's transport with a consumer that reads chunks."""

import asyncio
import logging
from typing import Any, cast

from faust.transport import base as transport_base
from faust.transport.drivers.aiokafka import Transport
from mode import Service

from meter.batch.consumer import ChunkConsumer


class ChunkFetcher(transport_base.Fetcher):
    """Faust's reading service; stopped in a rebalance it just ends (Faust's own asks for a supervisor)."""

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
    """Faust's aiokafka transport with the chunk consumer."""

    Consumer = ChunkConsumer
    Fetcher = ChunkFetcher
