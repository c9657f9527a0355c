"""A worker's log stays readable, whatever its libraries say how often."""

import logging
import subprocess
import sys

from meter.logs import SELDOM_SECONDS, SENTENCES, Seldom

REFUSED = "Unable connect to node with id %s"


class Log:
    """What comes through, with a clock of its own."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.lines: list[str] = []
        self._seldom = Seldom(lambda: self.now)

    def say(self, name: str, sentence: str, *numbers: object) -> None:
        record = logging.LogRecord(name, logging.ERROR, __file__, 1, sentence, numbers, None)
        if self._seldom.filter(record):
            self.lines.append(record.getMessage())


def test_a_broker_that_is_down_is_logged_once_in_ten_seconds_with_how_often_it_was_left_out() -> None:
    log = Log()
    for _ in range(500):
        log.say("aiokafka.client", REFUSED, 1)
    assert log.lines == ["Unable connect to node with id 1"]
    log.now += SELDOM_SECONDS
    log.say("aiokafka.client", REFUSED, 1)
    assert log.lines[1:] == ["Unable connect to node with id 1 (and 499 times more before)"]


def test_another_node_and_another_place_are_other_sentences() -> None:
    log = Log()
    for name, node in (("aiokafka", 1), ("aiokafka", 2), ("aiokafka.producer", 1)):
        log.say(name, REFUSED, node)
    assert len(log.lines) == 3


def test_our_own_lines_are_never_left_out() -> None:
    log = Log()
    for _ in range(3):
        log.say("agents.meter.journal_lane", "journal %d is ours", 1)
    assert len(log.lines) == 3


def test_what_is_remembered_has_a_limit() -> None:
    log = Log()
    for number in range(3 * SENTENCES):
        log.say("aiokafka", REFUSED, number)
    assert len(log.lines) == 3 * SENTENCES
    assert len(log._seldom._logged) <= SENTENCES


def test_timers_of_a_busy_worker_do_not_fill_its_log() -> None:
    output = (
        "import logging, meter.logs; meter.logs.to_stderr(); "
        "[logging.getLogger('mode.timers').warning('Timer settle is overlapping (interval=0.25 runtime=%r)', 0.3 + n)"
        " for n in range(40)]; logging.getLogger('mode').warning('a service crashed')"
    )
    done = subprocess.run([sys.executable, "-c", output], capture_output=True, text=True, timeout=120, check=True)
    assert done.stderr.count("\n") == 1
    assert "a service crashed" in done.stderr
