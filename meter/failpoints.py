"""Named places between the steps that must not be torn, where a test may end or halt the process.

Nothing happens here unless a test's own entry point sets `hook`; a place is reached once a chunk, a record or a step,
never once an event. tests/faults/points.py lists every name.
"""

from collections.abc import Callable

hook: Callable[[str], None] | None = None


def reach(name: str) -> None:
    """The process has come as far as `name` says."""
    if hook is not None:
        hook(name)
