"""The job by hand: `python -m benchmarks.race.hand route|fold`, confluent-kafka, msgspec and rocksdict, no framework.

`route` brings an account's events together, packed some thousands a record; `fold` drops repeats, adds up, publishes.
A commit is one transaction: records, changelog, offsets. After it the local store (no WAL) takes the chunk over with
its place in the changelog; a start replays the changelog from there. Partitions are assigned by hand, a zombie is
fenced by its transactional id. It leaves out what a product cannot: rebalancing, the end of ids, bad records.
"""

import os
import signal
import sys
import time
from collections.abc import Iterable, Mapping
from typing import Any, Protocol
from zlib import crc32

import msgspec
from confluent_kafka import OFFSET_STORED, Consumer, Message, Producer, TopicPartition
from rocksdict import BlockBasedOptions, Cache, Options, Rdict, WriteBatch, WriteOptions

from benchmarks.race.job import Job, decode
from benchmarks.race.source import PARTITIONS

COMMIT_SECONDS = 1.0
#: A commit comes early when there was nothing to do for so long.
IDLE_SECONDS = 0.2
EVENTS_A_READ, RECORDS_A_READ, READ_SECONDS = 10_000, 12, 0.02
EVENTS_A_RECORD, IDENTITIES_A_RECORD = 4_000, 12_000
KAFKA_SECONDS = 30
PLACE = b"\0place"

#: Identity, account/item/day, rank, quantity.
Use = tuple[bytes, str, int, int]
Totals = dict[str, list[int]]
pack = msgspec.msgpack.Encoder().encode
unpack_uses = msgspec.msgpack.Decoder(list[Use]).decode
unpack_changes = msgspec.msgpack.Decoder(tuple[list[bytes], Totals]).decode
unpack_totals = msgspec.msgpack.Decoder(list[int]).decode
unpack_place = msgspec.msgpack.Decoder(int).decode

READING: dict[str, Any] = {
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    "check.crcs": False,
    "isolation.level": "read_committed",
    "fetch.min.bytes": 32_768,
    "fetch.wait.max.ms": 20,
    "fetch.queue.backoff.ms": 5,
    "max.partition.fetch.bytes": 4 << 20,
    "queued.max.messages.kbytes": 65_536,
    "queued.min.messages": 100_000,
}
WRITING: dict[str, Any] = {
    "linger.ms": 50,
    "batch.size": 262_144,
    "message.max.bytes": 4 << 20,
    "batch.num.messages": 100_000,
    "queue.buffering.max.messages": 2_000_000,
    "queue.buffering.max.kbytes": 1 << 20,
    "acks": "all",
    "enable.idempotence": True,
    "delivery.report.only.error": True,
}


class Stage(Protocol):
    """A loop's work."""

    consumer: Consumer
    topic: str
    positions: dict[int, int]

    def step(self) -> bool:
        """Read and work on; whether there was anything."""

    def flush(self) -> None:
        """Write what this transaction has still to hold."""

    def settle(self) -> None:
        """It is committed."""


def reader(job: Job, stage: str, topic: str) -> Consumer:
    consumer = Consumer({"bootstrap.servers": job.broker, "group.id": f"{job.run}-{stage}", **READING})
    consumer.assign([TopicPartition(topic, partition, OFFSET_STORED) for partition in range(PARTITIONS)])
    return consumer


class Route:
    """From events to packed uses, each to its account's partition."""

    def __init__(self, job: Job, producer: Producer) -> None:
        self.producer = producer
        self.topic, self.target = job.input, f"{job.run}-by-account"
        self.consumer = reader(job, "route", self.topic)
        self.positions: dict[int, int] = {}
        self.homes = {
            workspace: (account, crc32(account.encode()) % PARTITIONS, rank)
            for workspace, (account, rank) in job.homes().items()
        }
        self.uses: list[list[Use]] = [[] for _ in range(PARTITIONS)]
        self.begun = False

    def step(self) -> bool:
        messages = self.consumer.consume(EVENTS_A_READ, READ_SECONDS)
        if messages and not self.begun:
            self.begun = True
            print("FIRST", time.time(), flush=True)
        homes, uses, positions = self.homes, self.uses, self.positions
        for message in messages:
            event = decode(message.value() or b"")
            account, partition, rank = homes[event.subject]
            identity = f"{event.source}\0{event.id}".encode()
            uses[partition].append(
                (identity, f"{account}/{event.data.item}/{event.time[:10]}", rank, event.data.quantity)
            )
            positions[message.partition() or 0] = (message.offset() or 0) + 1
        for partition, waiting in enumerate(uses):
            if len(waiting) >= EVENTS_A_RECORD // 2:
                self._send(partition)
        return bool(messages)

    def _send(self, partition: int) -> None:
        waiting, self.uses[partition] = self.uses[partition], []
        for start in range(0, len(waiting), EVENTS_A_RECORD):
            self.producer.produce(self.target, pack(waiting[start : start + EVENTS_A_RECORD]), partition=partition)

    def flush(self) -> None:
        for partition, waiting in enumerate(self.uses):
            if waiting:
                self._send(partition)

    def settle(self) -> None:
        return


class Partition:
    """The state of one partition: totals and identities, the store's and over them this transaction's."""

    def __init__(self, directory: str, number: int) -> None:
        options, table = Options(raw_mode=True), BlockBasedOptions()
        options.create_if_missing(True)
        options.set_write_buffer_size(32 << 20)
        options.set_max_write_buffer_number(3)
        options.set_max_background_jobs(2)
        table.set_bloom_filter(10, False)
        table.set_block_cache(Cache(64 << 20))
        options.set_block_based_table_factory(table)
        self.store = Rdict(os.path.join(directory, f"partition-{number}"), options=options)
        self.writing = WriteOptions()
        self.writing.disable_wal = True  # type: ignore[assignment, method-assign]  # a property in truth
        self.totals: Totals = {}
        self.new: set[bytes] = set()
        self.changed: set[str] = set()
        self.published: dict[str, list[int]] = {}

    def take(self, uses: list[Use], ranks: int) -> None:
        """Add up what was not seen before."""
        new, totals, changed = self.new, self.totals, self.changed
        seen: list[bytes | None] = self.store.get([use[0] for use in uses]) or []
        for (identity, key, rank, quantity), before in zip(uses, seen, strict=True):
            if before is not None or identity in new:
                continue
            new.add(identity)
            total = totals.get(key)
            if total is None:
                stored = self.store.get(b"u" + key.encode())
                total = totals[key] = [0] * ranks if stored is None else unpack_totals(stored)
            total[rank] += quantity
            changed.add(key)

    def write(self, identities: Iterable[bytes], totals: Mapping[str, list[int]], place: int) -> None:
        """Take over what is committed, with the place in the changelog behind it."""
        batch = WriteBatch(raw_mode=True)
        for identity in identities:
            batch.put(identity, b"")
        for key, total in totals.items():
            batch.put(b"u" + key.encode(), pack(total))
        batch.put(PLACE, pack(place))
        self.store.write(batch, self.writing)

    def settle(self, place: int) -> None:
        if self.new:
            self.write(self.new, {key: self.totals[key] for key in self.changed}, place)
            self.new, self.changed = set(), set()


class Fold:
    """From packed uses to totals and overages."""

    def __init__(self, job: Job, producer: Producer) -> None:
        self.job, self.producer = job, producer
        self.topic, self.changelog = f"{job.run}-by-account", f"{job.run}-changelog"
        self.positions: dict[int, int] = {}
        self.partitions = [Partition(job.directory, number) for number in range(PARTITIONS)]
        self.look = Consumer(
            {**READING, "bootstrap.servers": job.broker, "group.id": f"{job.run}-look", "enable.partition.eof": True}
        )
        self.restore()
        self.consumer = reader(job, "fold", self.topic)

    def end(self, number: int) -> int:
        place = TopicPartition(self.changelog, number)
        return int(self.look.get_watermark_offsets(place, KAFKA_SECONDS)[1])

    def restore(self) -> None:
        """Bring the stores up to the changelog's end."""
        places = []
        for number, partition in enumerate(self.partitions):
            stored = partition.store.get(PLACE)
            at = 0 if stored is None else unpack_place(stored)
            if at < self.end(number):
                places.append(TopicPartition(self.changelog, number, at))
        self.look.assign(places)
        ended = 0
        while ended < len(places):
            for message in self.look.consume(100, 1.0):
                if message.error():
                    ended += 1
                    continue
                identities, totals = unpack_changes(message.value() or b"")
                offset = message.offset() or 0
                self.partitions[message.partition() or 0].write(identities, totals, offset + 1)
        self.look.unassign()

    def step(self) -> bool:
        messages = self.consumer.consume(RECORDS_A_READ, READ_SECONDS)
        uses: dict[int, list[Use]] = {}
        for message in messages:
            number = message.partition() or 0
            self.positions[number] = (message.offset() or 0) + 1
            uses.setdefault(number, []).extend(unpack_uses(_value(message)))
        for number, taken in uses.items():
            self.partitions[number].take(taken, self.job.ranks)
        return bool(messages)

    def flush(self) -> None:
        for number, partition in enumerate(self.partitions):
            identities, totals = list(partition.new), {key: partition.totals[key] for key in partition.changed}
            for start in range(0, len(identities), IDENTITIES_A_RECORD):
                record = (identities[start : start + IDENTITIES_A_RECORD], {} if start else totals)
                self.producer.produce(self.changelog, pack(record), partition=number)
            self._publish(number, partition, totals)
        self.producer.poll(0)

    def _publish(self, number: int, partition: Partition, totals: Totals) -> None:
        """Publish the overages that changed."""
        for key, total in totals.items():
            account, _, rest = key.partition("/")
            before, now = partition.published.get(key), self.job.overages(total)
            partition.published[key] = now
            for rank, over in enumerate(now):
                if over and (before is None or before[rank] != over):
                    name = f"{account}/{self.job.workspace(account, rank)}/{rest}"
                    self.producer.produce(self.job.output, b'{"overage":%d}' % over, key=name, partition=number)

    def settle(self) -> None:
        for number, partition in enumerate(self.partitions):
            partition.settle(self.end(number))


def _value(message: Message) -> bytes:
    return message.value() or b""


def commit(producer: Producer, stage: Stage) -> None:
    """One transaction: everything written, and how far was read."""
    stage.flush()
    offsets = [TopicPartition(stage.topic, partition, offset) for partition, offset in stage.positions.items()]
    producer.send_offsets_to_transaction(offsets, stage.consumer.consumer_group_metadata(), KAFKA_SECONDS)
    producer.commit_transaction(KAFKA_SECONDS)
    stage.positions.clear()
    stage.settle()
    producer.begin_transaction()


def main() -> None:
    job, role = Job.given(), sys.argv[1]
    producer = Producer({"bootstrap.servers": job.broker, "transactional.id": f"{job.run}-{role}", **WRITING})
    producer.init_transactions(KAFKA_SECONDS)
    stage: Stage = Route(job, producer) if role == "route" else Fold(job, producer)
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopping.append(number))
    producer.begin_transaction()
    committed = worked = time.monotonic()
    while not stopping:
        if stage.step():
            worked = time.monotonic()
        now = time.monotonic()
        if stage.positions and (now - committed >= COMMIT_SECONDS or now - worked >= IDLE_SECONDS):
            commit(producer, stage)
            committed = time.monotonic()
    stage.consumer.close()


if __name__ == "__main__":
    main()
