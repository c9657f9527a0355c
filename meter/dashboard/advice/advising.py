"""Answers questions for the pages: one at a time in a process of its own, a few waiting, equal ones once."""

import asyncio
import logging
import os
import pickle
import sys
import time
from collections import OrderedDict
from typing import Any, NamedTuple

import msgspec

from meter.dashboard.advice.process import ANSWER, KAFKA
from meter.dashboard.advice.question import Question, Task
from meter.errors import UserError
from meter.settings import Settings

log = logging.getLogger(__name__)

#: Processes at once, and questions that wait for one; whoever comes then is told to come again.
AT_ONCE, WAITING = 1, 4
#: How long a question may wait for its turn, and take then.
WAIT_SECONDS, SECONDS = 30.0, 60.0
#: An answer is given again for so long: a page, its JSON and its CSV are asked for one after the other.
KEPT_SECONDS = 60.0
KEPT = 16
#: numpy works on one core.
ONE_CORE = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
COMMAND = (sys.executable, "-m", "meter.dashboard.advice.process")
OUTPUT_LIMIT = 64 << 20


class Busy(Exception):
    """Others are answered first, and enough of them wait."""


class Unavailable(Exception):
    """Kafka does not answer, or the answer took too long; the text says so."""


class Answer(NamedTuple):
    """The JSON of the command, and when it was worked out (µs since 1970)."""

    body: bytes
    at_us: int

    @property
    def model(self) -> dict[str, Any]:
        """The same, decoded."""
        found: dict[str, Any] = msgspec.json.decode(self.body)
        return found


class Advising:
    """The questions of one dashboard."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._places = asyncio.Semaphore(AT_ONCE)
        #: By question, in the order in which they were asked.
        self._answers: OrderedDict[Question, tuple[asyncio.Task[Answer], float]] = OrderedDict()

    @property
    def unanswered(self) -> int:
        """Questions that are worked out or wait for it."""
        return sum(not task.done() for task, _ in self._answers.values())

    async def answer(self, question: Question) -> Answer:
        """The answer; raises UserError where the question cannot be answered, Busy and Unavailable where not now."""
        self._forget()
        kept = self._answers.get(question)
        if kept is None:
            if self.unanswered >= AT_ONCE + WAITING:
                raise Busy
            kept = asyncio.create_task(self._worked_out(question)), time.monotonic()
            self._answers[question] = kept
        try:
            return await asyncio.shield(kept[0])
        except (UserError, Unavailable, Busy):
            if self._answers.get(question) is kept:
                del self._answers[question]
            raise

    async def close(self) -> None:
        """End what is being worked out."""
        tasks = [task for task, _ in self._answers.values() if not task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self) -> None:
        """Let go of old answers, and of the oldest where there are many."""
        ended = [question for question, (task, _) in self._answers.items() if task.done()]
        old = [question for question in ended if self._answers[question][1] < time.monotonic() - KEPT_SECONDS]
        for question in {*old, *ended[: max(0, len(self._answers) - KEPT + 1)]}:
            del self._answers[question]

    async def _worked_out(self, question: Question) -> Answer:
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._places.acquire()
        except TimeoutError:
            raise Busy from None
        try:
            return await self._asked(question)
        finally:
            self._places.release()

    async def _asked(self, question: Question) -> Answer:
        """What a process answers."""
        at_us = time.time_ns() // 1000
        try:
            async with asyncio.timeout(SECONDS):
                code, said, trouble = await _run(pickle.dumps(Task(self._settings, question)))
        except TimeoutError:
            raise Unavailable(
                f"the answer took more than {SECONDS:.0f} s; ask for fewer days (?days=), or use the command: "
                f"{question.command}"
            ) from None
        if code:
            log.error("dashboard: advice ended with code %d; its page says so, the others go on: %s", code, trouble)
            raise Unavailable("the process that works out advice ended; the dashboard's log has the reason")
        found: dict[str, msgspec.Raw] = msgspec.json.decode(said, type=dict[str, msgspec.Raw])
        if ANSWER in found:
            return Answer(bytes(found[ANSWER]), at_us)
        kind, sentence = next(iter(found.items()))
        words = msgspec.json.decode(sentence, type=str)
        raise Unavailable(words) if kind == KAFKA else UserError(words)


async def _run(task: bytes) -> tuple[int, bytes, str]:
    """Exit code, output and errors of a process; it is killed when whoever waits for it gives up."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **ONE_CORE},
        limit=OUTPUT_LIMIT,
    )
    try:
        said, trouble = await process.communicate(task)
        return process.returncode or 0, said, trouble.decode(errors="replace")[-4_000:]
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
