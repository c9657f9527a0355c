"""Running coroutines by hand, one request to Kafka at a time: nothing runs by itself, so a seed decides everything.

Every request of the fakes is a step, at which the simulator may let it pass, lose it, lose its answer, leave the
coroutine standing there, or drop it for ever (a crash).
"""

from collections.abc import Coroutine, Generator
from dataclasses import dataclass
from enum import Enum
from types import coroutine
from typing import Any

from aiokafka.errors import KafkaConnectionError

Verdict = str | None
#: The request never arrives; or it does, and the answer is lost: to whoever asked the two look the same.
LOST, UNHEARD = "lost", "unheard"


@coroutine
def step(name: str) -> Generator[str, Verdict, Verdict]:
    """Stop here until the simulator says how it goes on."""
    return (yield name)


async def request(name: str) -> bool:
    """A request: raises if it is lost; answers whether its answer is to be lost (`unheard`)."""
    verdict = await step(name)
    if verdict == LOST:
        raise KafkaConnectionError(f"the connection broke before: {name}")
    return verdict == UNHEARD


def answer(unheard: bool, name: str) -> None:
    """What the client hears of a request that was carried out."""
    if unheard:
        raise KafkaConnectionError(f"the connection broke after: {name}")


class State(Enum):
    """What became of a coroutine."""

    DONE = "done"
    STANDING = "standing"


@dataclass
class Fate:
    """What happens at which step: `lost` or `unheard`, or (`verdict` None) the coroutine is left standing there."""

    at: int
    verdict: Verdict
    struck: bool = False


@dataclass
class Run:
    """A coroutine under way."""

    coroutine: Coroutine[Any, Verdict, Any]
    result: Any = None
    where: str | None = ""

    def go(self, fate: Fate | None = None) -> State:
        """Run on to the end, or to where fate stops it; what it raises comes out here."""
        verdict: Verdict = None
        while True:
            try:
                self.where = self.coroutine.send(verdict)
            except StopIteration as stop:
                self.result = stop.value
                return State.DONE
            verdict = None
            if fate is not None and (self.where or fate.verdict is None):  # a turn of the event loop cannot be lost
                if fate.at > 0:
                    fate.at -= 1
                    continue
                fate.struck = True
                if fate.verdict is None:
                    return State.STANDING
                verdict, fate = fate.verdict, None

    def drop(self) -> None:
        """It never goes on."""
        self.coroutine.close()


def at_once(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run what needs nothing of Kafka; a bare `sleep(0)` inside is passed over."""
    try:
        while True:
            coroutine.send(None)
    except StopIteration as stop:
        return stop.value
