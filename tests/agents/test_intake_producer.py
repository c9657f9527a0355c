"""Producers of the intake: one in doubt writes nothing more, and none is left behind by whoever started it."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from agents.intake import catalog_follower
from agents.intake import intake as intake_module
from agents.intake.catalog_follower import FollowedCatalog
from agents.intake.intake import Intake
from meter.batch.lanes import Reopen
from meter.batch.stopping import ended
from meter.kafka.topics import Topics
from tests.batch.scripted_broker import ScriptedBroker, connect


def doubtful() -> Any:
    """The part of an intake that keeps the producer."""

    async def fresh() -> str:
        return "fresh"

    intake: Any = SimpleNamespace(_producer="old", _uncertain=False, _renewing=asyncio.Lock(), _new_producer=fresh)
    intake._ending = set()
    intake._let_go = lambda producer: Intake._let_go(intake, producer)
    intake.mark_uncertain = lambda: Intake.mark_uncertain(intake)
    intake.renew = lambda: Intake.renew(intake)
    intake.current = lambda: Intake._current(intake)
    return intake


def test_a_producer_in_doubt_writes_nothing_more_for_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    gone: list[str] = []

    intake = doubtful()

    async def let_go(producer: Any) -> None:
        gone.append(producer)
        intake.mark_uncertain()  # as another write does that the old producer still had under way

    monkeypatch.setattr(intake_module, "let_go", let_go)

    async def story() -> None:
        assert intake.current() == "old"
        intake.mark_uncertain()
        with pytest.raises(Reopen, match="is uncertain"):
            intake.current()
        await intake.renew()
        assert (intake.current(), gone) == ("fresh", ["old"])

    asyncio.run(story())


async def _new_producer(kwargs: dict[str, Any]) -> None:
    intake: Any = SimpleNamespace(kwargs=kwargs, _ending=set())
    intake._let_go = lambda producer: Intake._let_go(intake, producer)
    await Intake._new_producer(intake)


async def _copy(kwargs: dict[str, Any]) -> None:
    nothing: Any = None
    await FollowedCatalog(Topics.of(""), nothing, kwargs, lambda: 0)._copy(nothing)


@pytest.mark.parametrize("start", [_new_producer, _copy], ids=["of the intake", "of catalog versions"])
def test_a_producer_whose_start_is_cancelled_is_stopped(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    broker = ScriptedBroker()
    connect(monkeypatch, broker)
    made: list[Any] = []

    class Remembered(AIOKafkaProducer):
        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings)
            made.append(self)

    monkeypatch.setattr(intake_module, "AIOKafkaProducer", Remembered)
    monkeypatch.setattr(catalog_follower, "AIOKafkaProducer", Remembered)

    async def story() -> None:
        broker.script["InitProducerId"] = [asyncio.get_running_loop().create_future()]
        starting = asyncio.create_task(start({"bootstrap_servers": ["nowhere:1"]}))
        while not broker.times("InitProducerId"):
            await asyncio.sleep(0)
        await ended(starting)
        assert starting.cancelled()
        assert [producer._closed for producer in made] == [True]

    asyncio.run(story())


def test_an_old_producer_is_let_go_although_the_lane_that_renews_it_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on, gone = asyncio.Event(), asyncio.Event(), list[str]()
    intake = doubtful()

    async def let_go(producer: Any) -> None:
        begun.set()
        await go_on.wait()
        gone.append(producer)

    monkeypatch.setattr(intake_module, "let_go", let_go)

    async def story() -> None:
        intake.mark_uncertain()
        renewing = asyncio.create_task(intake.renew())
        await begun.wait()
        leaving = asyncio.create_task(ended(renewing))
        await asyncio.sleep(0)
        go_on.set()
        await leaving
        await asyncio.gather(*intake._ending)
        assert gone == ["old"]

    asyncio.run(story())
