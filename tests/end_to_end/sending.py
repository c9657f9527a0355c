"""Sending in the background."""

import threading
from collections.abc import Sequence

from tests.end_to_end.kafka import Kafka
from tests.records import Message


class Sending:
    """Sends in a thread of its own, a little at a time, so that something can happen meanwhile."""

    def __init__(self, kafka: Kafka, messages: Sequence[Message], batch: int = 100) -> None:
        self.failure: BaseException | None = None
        self.thread = threading.Thread(target=self._send, args=(kafka, messages, batch))
        self.thread.start()

    def _send(self, kafka: Kafka, messages: Sequence[Message], batch: int) -> None:
        try:
            kafka.send(messages, batch)
        except BaseException as error:
            self.failure = error

    def join(self) -> None:
        """Waits for the last acknowledgement."""
        self.thread.join()
        if self.failure is not None:
            raise self.failure
