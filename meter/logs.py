"""Logging: the meter's own lines, and of its libraries only what an operator needs."""

import json
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime

#: Libraries of which only warnings are logged.
QUIET = ("aiokafka", "faust", "mode", "asyncio", "rocksdict")
#: Loggers whose warnings repeat what lanes log (assignments) and metrics show (delays); a busy worker's timers would
#: warn of every late turn, each time with other numbers.
SILENCED = ("aiokafka.coordinator.assignors", "mode.timers")
#: A library's sentence is logged at most once in this many seconds.
SELDOM_SECONDS = 10.0
#: A library's warning at every connection, which the settings give once.
OURS_TO_SAY = ("Sending username and password in the clear",)
#: How many different sentences are kept; there are fewer, unless each has another number.
SENTENCES = 500


class Seldom(logging.Filter):
    """Lets a library's sentence through once in ten seconds, with how often it was left out.

    While a broker is down aiokafka logs it 500 times a second: 5 GB a day.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._logged: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.msg in OURS_TO_SAY:
            return False
        if record.name.partition(".")[0] not in QUIET:
            return True
        sentence, now = record.getMessage(), self._clock()
        at, left_out = self._logged.get((record.name, sentence), (-SELDOM_SECONDS, 0))
        if now - at < SELDOM_SECONDS:
            self._logged[record.name, sentence] = (at, left_out + 1)
            return False
        if len(self._logged) >= SENTENCES:
            self._logged.clear()
        self._logged[record.name, sentence] = (now, 0)
        if left_out:
            record.msg, record.args = f"{sentence} (and {left_out} times more before)", ()
        return True


class Objects(logging.Formatter):
    """Formats a line as a JSON object: `time` (UTC), `level`, `logger`, `message`, and `exception` if there is one."""

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
    """Log to stderr as `text` (time, level, logger, message) or as `json`, a line each."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True)
    if form == "json":
        for handler in logging.getLogger().handlers:
            handler.setFormatter(Objects())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in SILENCED:
        logging.getLogger(name).setLevel(logging.ERROR)
    seldom = Seldom()
    for handler in logging.getLogger().handlers:
        handler.addFilter(seldom)
