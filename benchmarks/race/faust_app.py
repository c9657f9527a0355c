"""The job on stock Faust, as its guide would have it: Records, a topic between two agents, two RocksDB tables.

`python -m benchmarks.race.faust_app I`: worker I. Changed from the defaults: uvloop, larger buffers, and the limit of
the producer's buffer, which at 100 makes every write to a table wait.
"""

import os
import sys
import time

import mode.loop

mode.loop.use("uvloop")

import faust  # noqa: E402  # the loop first
from faust.transport.producer import ProducerBuffer  # noqa: E402

from benchmarks.race.job import Job  # noqa: E402
from benchmarks.race.source import PARTITIONS  # noqa: E402

ProducerBuffer.max_messages = 10_000

job = Job.given()
homes = job.homes()
app = faust.App(
    job.run,
    broker=f"kafka://{job.broker}",
    store="rocksdb://",
    datadir=os.path.join(job.directory, f"worker-{sys.argv[1]}"),
    topic_partitions=PARTITIONS,
    topic_allow_declare=False,
    topic_disable_leader=True,
    table_standby_replicas=0,
    broker_commit_interval=1.0,
    broker_max_poll_records=2_000,
    consumer_auto_offset_reset="earliest",
    producer_linger=0.02,
    producer_max_batch_size=262_144,
    stream_buffer_maxsize=8_192,
    stream_wait_empty=False,
    web_enabled=False,
    worker_redirect_stdouts=False,
)


class Counted(faust.Record, serializer="json"):  # type: ignore[call-arg]
    """What an event counts."""

    item: str
    quantity: int


class Event(faust.Record, serializer="json"):  # type: ignore[call-arg]
    """A usage event."""

    id: str
    source: str
    subject: str
    time: str
    data: Counted


class Use(faust.Record, serializer="json"):  # type: ignore[call-arg]
    """What goes to the account's partition: identity, item/day, rank, quantity."""

    identity: str
    figure: str
    rank: int
    quantity: int


source = app.topic(job.input, key_type=str, value_type=Event)
by_account = app.topic(f"{job.run}-by-account", key_type=str, value_type=Use, partitions=PARTITIONS)
output = app.topic(job.output, key_type=str, value_serializer="json", partitions=PARTITIONS)
seen = app.Table("seen", key_type=str, partitions=PARTITIONS)
usage = app.Table("use", key_type=str, partitions=PARTITIONS)
begun: list[bool] = []


@app.agent(source)  # type: ignore[untyped-decorator]
async def route(stream: "faust.StreamT[Event]") -> None:
    """Bring an account's events together."""
    async for event in stream:
        if not begun:
            begun.append(True)
            os.write(1, f"FIRST {time.time()}\n".encode())  # print is taken over by the worker
        account, rank = homes[event.subject]
        figure = f"{event.data.item}/{event.time[:10]}"
        use = Use(identity=f"{event.source}\0{event.id}", figure=figure, rank=rank, quantity=event.data.quantity)
        await by_account.send(key=account, value=use)


@app.agent(by_account)  # type: ignore[untyped-decorator]
async def fold(stream: "faust.StreamT[Use]") -> None:
    """Drop repeats, add up, tell what changed."""
    async for account, use in stream.items():
        if use.identity in seen:
            continue
        seen[use.identity] = 1
        key = f"{account}/{use.figure}"
        totals = list(usage.get(key) or [0] * job.ranks)
        before = job.overages(totals)
        totals[use.rank] += use.quantity
        usage[key] = totals
        for rank, (old, new) in enumerate(zip(before, job.overages(totals), strict=True)):
            if old != new:
                name = f"{account}/{job.workspace(account, rank)}/{use.figure}"
                await output.send(key=name, value={"overage": new})


if __name__ == "__main__":
    sys.argv = ["faust", "--loop", "uvloop", "worker", "-l", "warn", "--without-web"]
    app.main()
