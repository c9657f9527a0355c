"""Counting the steps of Python's interpreter: how much work something is, whatever machine it runs on."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def steps_of(work: Callable[[], object]) -> int:
    """How many instructions of Python code `work` takes; what C code does inside one of them is not counted."""
    return monitored(work) if sys.version_info >= (3, 12) else traced(work)


def monitored(work: Callable[[], object]) -> int:
    """The same by `sys.monitoring`: from Python 3.12 on a tracer is not told of every instruction."""
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined, unused-ignore]
    tool, counted = monitoring.PROFILER_ID, 0

    def count(code: object, offset: int) -> None:
        nonlocal counted
        counted += 1

    monitoring.use_tool_id(tool, "steps")
    monitoring.register_callback(tool, monitoring.events.INSTRUCTION, count)
    monitoring.set_events(tool, monitoring.events.INSTRUCTION)
    try:
        work()
    finally:
        monitoring.set_events(tool, 0)
        monitoring.free_tool_id(tool)
    return counted


def traced(work: Callable[[], object]) -> int:
    """The same by a tracer."""
    counted = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal counted
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "opcode":
            counted += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return counted
