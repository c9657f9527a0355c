"""The floor: one process that reads the input and decodes every event, and does nothing else."""

import signal
import time

from confluent_kafka import Consumer, TopicPartition

from benchmarks.race.job import Job, decode

FETCH = {
    "enable.auto.commit": False,
    "check.crcs": False,
    "fetch.min.bytes": 65_536,
    "fetch.wait.max.ms": 50,
    "fetch.queue.backoff.ms": 5,
    "max.partition.fetch.bytes": 4 << 20,
    "queued.max.messages.kbytes": 65_536,
    "queued.min.messages": 100_000,
}


def main() -> None:
    job = Job.given()
    consumer = Consumer({"bootstrap.servers": job.broker, "group.id": job.run, **FETCH})
    partitions = consumer.list_topics(job.input, 10).topics[job.input].partitions
    places = [TopicPartition(job.input, partition, 0) for partition in partitions]
    there = sum(consumer.get_watermark_offsets(place, 10)[1] for place in places)
    consumer.assign(places)
    read, quantity = 0, 0
    while read < there:
        messages = consumer.consume(10_000, 0.2)
        if messages and not read:
            print("FIRST", time.time(), flush=True)
        for message in messages:
            quantity += decode(message.value() or b"").data.quantity
        read += len(messages)
    print("READ", read, flush=True)
    signal.pause()  # until whoever measures us has looked at our CPU and memory


if __name__ == "__main__":
    main()
