"""A process that answers one question and ends: `python -m meter.dashboard.advice.process`, task on stdin.

Advice takes seconds of CPU and holds every day of an account in memory; in the server it would block the pages. So
it runs with low priority, on one core, with a memory limit, and is killed when it takes too long.
"""

import asyncio
import gc
import json
import os
import pickle
import resource
import sys
from collections.abc import Coroutine
from typing import Any

from meter.dashboard.advice.question import Task
from meter.errors import UserError

#: Limit of its data: 400 days of a thousand workspaces are a few hundred thousand statements.
MEMORY_BYTES = 2 << 30
#: Lower priority than everything that answers pages.
NICE = 10
#: Kinds of output: the answer, an error that the reader can correct, a failure of Kafka.
ANSWER, REFUSED, KAFKA = "answer", "refused", "kafka"


def main() -> None:
    """Read the task, write the answer as one JSON object."""
    gc.disable()  # the process answers once and exits
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    task: Task = pickle.load(sys.stdin.buffer)
    sys.stdout.write(json.dumps(answered(task), ensure_ascii=False))


def answered(task: Task) -> dict[str, Any]:
    """The answer, or a sentence that says why there is none."""
    from meter.kafka.reachability import BrokerUnreachable
    from meter.kafka.rights import MissingRights
    from meter.kafka.troubles import of_kafka

    try:
        return {ANSWER: asyncio.run(_answer(task))}
    except MemoryError:
        days = task.question.days
        return {REFUSED: f"{days} days of this account are too many to hold at once; ask for fewer"}
    except UserError as error:
        kafka = isinstance(error, BrokerUnreachable | MissingRights) or of_kafka(error)
        return {KAFKA if kafka else REFUSED: str(error)}


async def _answer(task: Task) -> dict[str, Any]:
    from agents.advice.closed_days import ClosedDays, closed_days
    from meter.advise.advice import advice_of
    from meter.advise.shape import shape, simulation_shape
    from meter.advise.simulation import simulated

    settings, question = task
    found: ClosedDays = await _of_kafka(task, closed_days(settings, question.account, question.days))
    if question.kind == "simulate":
        simulation = simulated(found.history, found.today, question.changes)
        return simulation_shape(simulation, found.restatable)
    advice = advice_of(found.history, found.today, question.coverage, question.offered)
    return shape(advice, found.restatable)


async def _of_kafka(task: Task, work: Coroutine[Any, Any, Any]) -> Any:
    """Await reads from Kafka; a Kafka error becomes a UserError that explains it."""
    from meter.kafka.rights import of_command
    from meter.kafka.troubles import explained, of_kafka

    try:
        return await work
    except Exception as error:
        if not of_kafka(error):
            raise
        settings, kind = task.settings, task.question.kind
        raise await explained(settings, f"this page (`meter {kind}`)", of_command(settings, kind), error) from error


if __name__ == "__main__":
    main()
