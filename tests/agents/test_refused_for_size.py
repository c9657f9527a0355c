"""A record that the journal refuses for its size: the reason to stop, and no doubt that another try could end."""

import pytest
from aiokafka.errors import MessageSizeTooLargeError

from meter.batch.oversize import RefusedForSize
from tests.agents.test_gathering import Writing, order, write


def test_a_record_that_the_journal_refuses_for_its_size_is_the_reason_to_stop() -> None:
    async def story(writing: Writing) -> None:
        waiting, behind = writing.writer.add(order(0, b"x" * 90_000)), writing.writer.add(order(1))
        await writing.turn()
        writing.producer.acknowledgements[0].set_exception(MessageSizeTooLargeError())
        await writing.turn()
        for future in (waiting, behind):
            with pytest.raises(
                RefusedForSize, match=r"the longest 9\d{4} bytes .* max.message.bytes of meter.journal/1"
            ):
                await future
        assert writing.doubts == 0

    write(story)
