"""A broker that answers aiokafka's producer as a test says, request by request; nothing is sent anywhere."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata

#: Kafka's error codes.
NONE, NOT_COORDINATOR, INVALID_PRODUCER_EPOCH, MESSAGE_TOO_LARGE, CONCURRENT_TRANSACTIONS = 0, 16, 47, 10, 51
CORRUPT_MESSAGE, RECORD_LIST_TOO_LARGE = 87, 18

#: What a test may answer with: an error code, an exception, or a future that it sets when it likes.
Answer = int | BaseException | asyncio.Future[int]


class ScriptedBroker:
    """Answers with what `script` holds for a request's name, in turn; when that ends, with success."""

    def __init__(self) -> None:
        self.script: dict[str, list[Answer]] = {}
        self.asked: list[str] = []
        self.ends = 100
        self.epoch = 0

    def times(self, name: str) -> int:
        return self.asked.count(name)

    async def send(self, request: Any) -> Any:
        name = type(request).__name__.removesuffix("Request")
        if name == "EndTxn":
            name = "Commit" if request._transaction_result else "Abort"
        self.asked.append(name)
        answers = self.script.get(name)
        answer: Answer = answers.pop(0) if answers else NONE
        if isinstance(answer, asyncio.Future):
            answer = await answer
        if isinstance(answer, BaseException):
            raise answer
        return getattr(self, f"_{name}")(request, answer)

    def _InitProducerId(self, request: Any, code: int) -> Any:  # named as Kafka names it
        self.epoch += 1
        return SimpleNamespace(error_code=code, producer_id=7, producer_epoch=self.epoch)

    def _AddPartitionsToTxn(self, request: Any, code: int) -> Any:
        errors = [(topic, [(partition, code) for partition in partitions]) for topic, partitions in request._topics]
        return SimpleNamespace(errors=errors)

    def _Produce(self, request: Any, code: int) -> Any:
        topics = []
        for topic, partitions in request._topics:
            topics.append((topic, [(partition, code, self.ends, -1, 0) for partition, _ in partitions]))
            self.ends += 1
        return SimpleNamespace(API_VERSION=5, topics=topics)

    def _Commit(self, request: Any, code: int) -> Any:
        return SimpleNamespace(error_code=code)

    _Abort = _Commit


def connect(monkeypatch: pytest.MonkeyPatch, broker: ScriptedBroker) -> None:
    """Make every aiokafka client of the test talk to this broker."""

    async def nothing(self: Any, *_: Any, **__: Any) -> bool:
        return True

    async def send(self: Any, node: int, request: Any, *, group: Any = None) -> Any:
        return await broker.send(request)

    async def coordinator(self: Any, *_: Any) -> int:
        return 1

    replaced: list[tuple[type, str, Callable[..., Any]]] = [
        (AIOKafkaClient, "bootstrap", nothing),
        (AIOKafkaClient, "close", nothing),
        (AIOKafkaClient, "ready", nothing),
        (AIOKafkaClient, "send", send),
        (AIOKafkaClient, "coordinator_lookup", coordinator),
        (AIOKafkaClient, "_wait_on_metadata", nothing),
        (AIOKafkaClient, "_maybe_wait_metadata", nothing),
        (AIOKafkaClient, "get_random_node", lambda self: 1),
        (ClusterMetadata, "partitions_for_topic", lambda self, topic: {0, 1, 2, 3}),
        (ClusterMetadata, "leader_for_partition", lambda self, partition: 1),
    ]
    for owner, name, replacement in replaced:
        monkeypatch.setattr(owner, name, replacement)
