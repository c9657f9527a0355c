"""A task of aiokafka that nobody awaits does not end in silence."""

import asyncio

from aiokafka.errors import KafkaError

from tests.batch.reading import Reading, read


def test_when_aiokafkas_reading_ends_by_an_error_the_worker_ends_with_it() -> None:
    async def story(reading: Reading) -> None:
        reading.consumer.watch()
        reading.kafka._fetcher.error_future.set_exception(KafkaError("Unexpected error during data retrieval"))
        await asyncio.sleep(0)
        (error,) = reading.errors
        assert "reading for group ended" in str(error)

    read(story)


def test_when_a_membership_is_given_up_the_worker_ends_and_when_it_is_closed_it_does_not() -> None:
    async def story(reading: Reading) -> None:
        reading.consumer.watch()
        coordinator = reading.kafka._coordinator
        coordinator._coordination_task.cancel()
        await asyncio.sleep(0)
        (error,) = reading.errors
        assert "the membership of group was given up" in str(error)
        reading.errors.clear()
        coordinator._coordination_task = asyncio.get_running_loop().create_future()
        reading.consumer.watch()
        coordinator._closing.set_result(None)
        coordinator._coordination_task.cancel()
        await asyncio.sleep(0)
        assert reading.errors == []

    read(story)
