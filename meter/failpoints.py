"""Named points between steps that must not be torn, at which a test may kill or pause the process.

They do nothing unless a test sets `hook`. A point is reached once for each chunk, record or step, never for each event.
tests/faults/points.py lists every name.
"""

from collections.abc import Callable

hook: Callable[[str], None] | None = None


def reach(name: str) -> None:
    """The process has reached the point `name`."""
    if hook is not None:
        hook(name)
