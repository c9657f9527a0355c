"""What a worker logs: its own lines, and of its libraries only what a person has to know."""

import json
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime

#: Libraries whose every step is of no use to an operator; their warnings are.
QUIET = ("aiokafka", "faust", "mode", "asyncio", "rocksdict")
#: Their warnings of what others tell with the numbers: which partition is whose (the lanes), how late things are (the
#: metrics). A busy worker's timers warn of each turn that took long, every time with other numbers.
OTHERS_TELL = ("aiokafka.coordinator.assignors", "mode.timers")
#: A library says the same thing at most once in so many seconds.
SELDOM_SECONDS = 10.0
#: What a library says at each connection, and the settings say once.
OURS_TO_SAY = ("Sending username and password in the clear",)
#: So many different sentences are remembered; there are fewer, unless each names another number.
SENTENCES = 500


class Seldom(logging.Filter):
    """Lets a sentence of a library through once in ten seconds, with how often it was left out since.

    While a broker is down aiokafka says so 500 times a second: 5 GB a day, and no more in it than in one line.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._told: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.msg in OURS_TO_SAY:
            return False
        if record.name.partition(".")[0] not in QUIET:
            return True
        sentence, now = record.getMessage(), self._clock()
        at, left_out = self._told.get((record.name, sentence), (-SELDOM_SECONDS, 0))
        if now - at < SELDOM_SECONDS:
            self._told[record.name, sentence] = (at, left_out + 1)
            return False
        if len(self._told) >= SENTENCES:
            self._told.clear()
        self._told[record.name, sentence] = (now, 0)
        if left_out:
            record.msg, record.args = f"{sentence} (and {left_out} times more before)", ()
        return True


class Objects(logging.Formatter):
    """A line is one JSON object: `time` (UTC), `level`, `logger`, `message`, and `exception` where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        said = {
            "time": at.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            said["exception"] = self.formatException(record.exc_info)
        return json.dumps(said, ensure_ascii=False)


def to_stderr(form: str = "text") -> None:
    """Log to stderr, a line at a time: as `text` (time, level, where, what) or as `json`."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True)
    if form == "json":
        for handler in logging.getLogger().handlers:
            handler.setFormatter(Objects())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in OTHERS_TELL:
        logging.getLogger(name).setLevel(logging.ERROR)
    seldom = Seldom()
    for handler in logging.getLogger().handlers:
        handler.addFilter(seldom)
