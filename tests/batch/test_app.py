"""A role's app takes every address that the settings take."""

import asyncio

import pytest

from meter.batch.faust_app import ChunkApp
from meter.batch.faust_consumer import ChunkTransport
from meter.settings import Settings


@pytest.mark.parametrize("broker", ["a:1", "127.0.0.1:1,b-2.example:2, c_3:3", "[::1]:9092", "[fe80::1]:1,a:2"])
def test_an_app_takes_one_address_or_several_of_any_family(broker: str) -> None:
    settings = Settings.load(broker=broker)

    async def made() -> None:
        app = ChunkApp(
            "group",
            lane_for=lambda *_: pytest.fail("nothing is assigned"),
            client_kwargs=settings.kafka_client_kwargs(),
            data_dir="unused",
        )
        assert isinstance(app.transport, ChunkTransport)
        assert [(url.host, url.port) for url in app.conf.broker_consumer] == settings.addresses

    asyncio.run(made())
