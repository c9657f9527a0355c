"""Answers the pages' advice questions: one at a time in a separate process, a short queue, equal questions once."""

import asyncio
import logging
import os
import pickle
import sys
import time
from collections import OrderedDict
from typing import Any, NamedTuple

import msgspec

from meter.batch.stopping import ended
from meter.dashboard.advice.process import ANSWER, KAFKA
from meter.dashboard.advice.question import Question, Task
from meter.errors import UserError
from meter.settings import Settings

log = logging.getLogger(__name__)

#: Processes at once, and questions that wait for one; beyond that a page gets Busy and retries.
AT_ONCE, WAITING = 1, 4
#: How long a question may wait for a process, and how long it may run.
WAIT_SECONDS, SECONDS = 30.0, 60.0
#: How long an answer is cached: a page, its JSON and its CSV are often requested one after the other.
KEPT_SECONDS = 60.0
KEPT = 16
#: numpy works on one core.
ONE_CORE = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
COMMAND = (sys.executable, "-m", "meter.dashboard.advice.process")
OUTPUT_LIMIT = 64 << 20


class Busy(Exception):
    """The queue of questions is full."""


class Unavailable(Exception):
    """Kafka does not answer, or the process took too long; the text says which."""


class Answer(NamedTuple):
    """The command's JSON, and when it was computed (µs since 1970)."""

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
        #: By question, oldest first.
        self._answers: OrderedDict[Question, tuple[asyncio.Task[Answer], float]] = OrderedDict()

    @property
    def unanswered(self) -> int:
        """How many questions run or wait."""
        return sum(not task.done() for task, _ in self._answers.values())

    async def answer(self, question: Question) -> Answer:
        """The answer; raises UserError for a question without an answer, Busy or Unavailable to retry later."""
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
        """Stop the running processes."""
        await ended(*(task for task, _ in self._answers.values()))

    def _forget(self) -> None:
        """Drop expired answers, and the oldest ones above the limit."""
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
        """A process's answer."""
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
    """Exit code, stdout and stderr of a process; it is killed when the caller is cancelled."""
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
