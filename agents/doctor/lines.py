"""A line of `meter doctor`: the check, the finding, and what to do about it."""

import json
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    """The level of a finding; a worker starts unless one is `fail`."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Line(NamedTuple):
    """One finding; `mend` is empty if there is nothing to do."""

    state: State
    check: str
    finding: str
    mend: str = ""

    def text(self) -> str:
        """The line as text for a person."""
        mend = "".join(f"\n{'':20}→ {line.strip()}" for line in self.mend.splitlines())
        return f"{self.state:<5} {self.check:<13} {self.finding}{mend}"

    def json(self) -> str:
        """The line as JSON for a program."""
        return json.dumps(self._asdict(), ensure_ascii=False)


def ok(check: str, finding: str) -> Line:
    """Nothing to do."""
    return Line(State.OK, check, finding)


def warn(check: str, finding: str, mend: str = "") -> Line:
    """Worth knowing; a worker starts all the same."""
    return Line(State.WARN, check, finding, mend)


def fail(check: str, finding: str, mend: str = "") -> Line:
    """A worker does not start, or soon ends."""
    return Line(State.FAIL, check, finding, mend)


def split(check: str, sentence: str, state: State = State.FAIL) -> Line:
    """A line from a sentence whose remedy follows the last semicolon of its first line."""
    first, _, rest = sentence.partition("\n")
    finding, semicolon, mend = first.rpartition("; ")
    return Line(
        state, check, finding if semicolon else first, "\n".join(filter(None, (mend if semicolon else "", rest)))
    )


def failed(lines: Iterable[Line]) -> bool:
    """Whether anything fails."""
    return any(line.state is State.FAIL for line in lines)
