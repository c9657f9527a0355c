"""What a worker logs: its own lines, and of its libraries only what a person has to know."""

import logging

#: Libraries whose every step is of no use to an operator; their warnings are.
QUIET = ("aiokafka", "faust", "mode", "asyncio", "rocksdict")


def to_stderr() -> None:
    """Log to stderr: time, level, where, what."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # It warns of every member that comes back after its session: which partition is whose is told by the lanes.
    logging.getLogger("aiokafka.coordinator.assignors").setLevel(logging.ERROR)
