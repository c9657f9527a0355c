"""The table of workspaces in a worker's store: killed, older, damaged, of another log, it never changes an answer."""

import re
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from random import Random

import pytest

from tests import records
from tests.end_to_end.commands import run
from tests.end_to_end.judged import dead_letters
from tests.end_to_end.kafka import Kafka, wait_until
from tests.end_to_end.workers import READY_SECONDS, Meter, Worker
from tests.faults import points
from tests.faults.killing import KEEP, die, start_to_die
from tests.faults.load import settings
from tests.faults.spoiling import riddled, start_refused
from tests.faults.topics import APPEND_TIME, create, delete
from tests.faults.verdict import back_to_zero_lag, judged
from tests.meters import StartMeter
from tests.records import Message

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

READ = re.compile(r"workspaces: read from offset (\d+) to (\d+)")
#: So many that the table has dozens of blocks, of which the upgrades are in few.
FIRST, UPGRADED, MORE = 2_000, 100, 50
WORKSPACES = "workspaces"


def bindings(names: Iterable[str], tier: str = "commercial") -> list[Message]:
    return [records.binding_message(records.binding(name, f"acct-{name}", tier)) for name in names]


def usage(names: Iterable[str], note: str) -> list[Message]:
    """An event of each."""
    now = time.time_ns() // 1000
    return [records.usage_message(records.usage(name, "sms", 1, now, id=f"{name} {note}")) for name in names]


def reads(worker: Worker) -> list[tuple[int, int]]:
    """From where to where a worker read the log whole, each time it did."""
    return [(int(start), int(end)) for start, end in READ.findall(worker.own_log())]


def table(meter: Meter) -> Path:
    return meter.directory / "a" / "stores" / WORKSPACES


def test_the_log_is_read_on_from_the_table_that_is_there_and_whole_where_that_is_damaged(
    new_meter: StartMeter, rng: Random
) -> None:
    meter, (kept,) = new_meter(settings()), points.DIRECTORY
    first, more = [f"w{number:04}" for number in range(FIRST)], [f"x{number}" for number in range(MORE)]
    worker = start_to_die(meter, kept, 1, **KEEP)  # the table knows them, nobody else does yet
    wait_until("it is ready", worker.ready, READY_SECONDS, worker.log_tail)
    meter.kafka.send(bindings(first[: FIRST // 2], "free") + bindings(first[FIRST // 2 :]))
    die(worker, kept)
    worker = meter.start().wait_ready()
    ((start, end),) = reads(worker)
    assert (start > 0, end) == (True, FIRST), "what was written before the kill is not read again"
    meter.kafka.send(usage(first, "before"))
    back_to_zero_lag(meter)
    assert worker.stop() == 0
    shutil.copytree(table(meter), meter.directory / "older")
    worker = meter.start().wait_ready()
    assert reads(worker) == [(FIRST, FIRST)]
    meter.kafka.send(usage(first[:UPGRADED], "held by the cache while free"))
    meter.kafka.send(bindings(first[:UPGRADED]) + bindings(more))
    meter.kafka.send(usage([*first, *more], "between"))
    back_to_zero_lag(meter)
    worker.kill()
    shutil.rmtree(table(meter))
    shutil.copytree(meter.directory / "older", table(meter))
    worker = meter.start().wait_ready()
    end = FIRST + UPGRADED + MORE
    assert reads(worker) == [(FIRST, end)], "an older table is brought up to date"
    riddled(table(meter), rng)
    meter.kafka.send(usage([*first, *more], "from a damaged table") + usage(["nobody"], "unknown"))
    back_to_zero_lag(meter)
    assert "store workspaces is damaged" in worker.own_log(), worker.log_tail()
    assert reads(worker)[1:] == [(0, end)]
    judged(meter)
    assert worker.stop() == 0


def test_a_table_of_the_topic_before_is_not_believed(new_meter: StartMeter) -> None:
    meter = new_meter(settings())
    worker = meter.start().wait_ready()
    meter.kafka.send(bindings(["gone", "stays"]))
    meter.kafka.send(usage(["gone", "stays"], "before"))
    back_to_zero_lag(meter)
    assert worker.stop() == 0
    delete(meter.kafka, WORKSPACES)
    create(meter.kafka, WORKSPACES, 1, **APPEND_TIME, **{"retention.ms": "-1"})
    kafka = Kafka(meter.kafka.bootstrap, meter.kafka.prefix)  # whose client never knew the old one
    kafka.send(bindings(["stays", "new", "other"]))
    kafka.send(usage(["gone", "stays", "new"], "after"))
    refused_or_read(meter)
    worker = meter.workers[-1]
    back_to_zero_lag(meter)
    assert reads(worker) == [(0, 3)], worker.log_tail()
    assert [reason for _, reason in dead_letters(meter.kafka)] == ["workspace_unknown"]
    counted = {record.key.split("/")[1]: record.value["usage"] for record in meter.kafka.published("overages")}
    assert counted == {"gone": 1, "stays": 2, "new": 1}
    assert worker.stop() == 0


def refused_or_read(meter: Meter) -> None:
    """Starts a worker on the new log; where Kafka kept the offset of the old one, a person has to agree."""
    worker = meter.start()
    worker.expected_dead = True
    wait_until("it goes on, or refuses", lambda: not worker.alive() or worker.get("/ready")[0] == 200, READY_SECONDS)
    if not worker.alive():
        start_refused(meter, "workspaces/0", "made again", "`meter skip workspaces 0 0`")
        code, said = run(meter, "skip", WORKSPACES, "0", "0")
        assert code == 0, said
        meter.start().wait_ready()
