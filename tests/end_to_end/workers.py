"""Workers as an operator runs them: processes of `meter worker`, told by environment variables and signals."""

import os
import random
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

from confluent_kafka import KafkaException

from tests.end_to_end.kafka import INPUTS, JOURNAL, Kafka, wait_until
from tests.oracle import Prediction, predict
from tests.oracle_reading import Settings
from tests.support.forked import started

#: Starting a worker on a busy machine, restore included.
READY_SECONDS = 120.0
#: Until a metric shows what happened, on a busy machine; and an answer of its web port there.
SHOWN_SECONDS, ANSWER_SECONDS = 60.0, 15.0
#: After SIGTERM: SPEC section 10 promises 15 s; the rest is a busy machine.
STOP_SECONDS = 60.0
LOG_TAIL = 4_000
SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[^}]*\})? (\S+)", re.MULTILINE)


#: Where test ports are taken from: below the range from which the system gives ports to outgoing connections, and of
#: processes side by side (`-n 6`: gw0 …) each from a part of its own, as a port is bound only after it was chosen.
SIDE = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8
PORTS = range(15_000 + 2_200 * SIDE, 17_200 + 2_200 * SIDE, 2)


#: Chosen last: a node of a cluster asks for six ports before it binds any.
_chosen: deque[int] = deque(maxlen=len(PORTS) // 2)


def free_port() -> int:
    """A port that nobody listens on, nor on the next one (a broker's controller takes that), nor chose lately."""
    while True:
        port = random.choice(PORTS)
        if port not in _chosen and all(_is_free(each) for each in (port, port + 1)):
            _chosen.append(port)
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as trial:
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


class Worker:
    """One process of `meter worker`."""

    def __init__(
        self, name: str, environment: dict[str, str], log: Path, module: str = "meter.cli", role: str = "all"
    ) -> None:
        self.name = name
        self.port = int(environment["METER_WEB_PORT"])
        self.log = log
        self.expected_dead = False
        #: Where its own log begins in what all workers of its name wrote.
        self._log_start = log.stat().st_size if log.exists() else 0
        with log.open("ab") as output:
            self.process = started(module, ["worker", "--role", role], environment, output, output, session=True)

    def alive(self) -> bool:
        return self.process.poll() is None

    def get(self, path: str) -> tuple[int, str]:
        """Status and text of a page of its web port; 0 while nobody listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=ANSWER_SECONDS) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def ready(self) -> bool:
        self.must_live()
        return self.get("/ready")[0] == 200

    def wait_ready(self, seconds: float = READY_SECONDS) -> "Worker":
        wait_until(f"{self.name} is ready", self.ready, seconds, self.log_tail)
        return self

    def metrics(self) -> dict[tuple[str, str], float]:
        """Samples by name and label text (`{kind="usage"}`, or nothing); none while it does not answer."""
        self.must_live()
        status, text = self.get("/metrics")
        if status != 200:
            return {}
        return {(name, labels): float(value) for name, labels, value in SAMPLE.findall(text)}

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        return sum(value for (sample, _), value in self.metrics().items() if sample == name)

    def shows(self, name: str, value: float) -> None:
        """Fails unless a metric comes to be this: counted a moment after Kafka knows, or measured once a second."""

        def shown() -> bool:
            samples = self.metrics()
            return bool(samples) and sum(each for (sample, _), each in samples.items() if sample == name) == value

        wait_until(f"{self.name} shows {name} {value:g}", shown, SHOWN_SECONDS, lambda: f"it is {self.metric(name):g}")

    def shows_samples(self, wanted: Mapping[tuple[str, str], float]) -> None:
        """The same of samples, by name and label text."""

        def missing() -> dict[tuple[str, str], float | None]:
            samples = self.metrics()
            return {name: samples.get(name) for name, value in wanted.items() if samples.get(name) != value}

        wait_until(f"{self.name} shows {wanted}", lambda: not missing(), SHOWN_SECONDS, lambda: f"but {missing()}")

    def kill(self) -> None:
        """kill -9, now."""
        self.expected_dead = True
        self.process.kill()
        self.process.wait()

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        wait_until(f"{self.name} hears signals", self._hears, READY_SECONDS, self.log_tail)
        self.expected_dead = True
        self.process.terminate()
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not stop in {STOP_SECONDS} s:\n{self.log_tail()}") from None

    def _hears(self) -> bool:
        """Whether it has come so far that a signal ends it in peace, not as the process that it was before."""
        return not self.alive() or self.get("/live")[0] != 0

    def must_live(self) -> None:
        """Fails with the end of its log if it ended and nobody asked it to."""
        if not self.alive() and not self.expected_dead:
            raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n{self.log_tail()}")

    def log_text(self) -> str:
        return self.log.read_text(errors="replace")

    def own_log(self) -> str:
        """What this process said, without those before it."""
        return self.log.read_bytes()[self._log_start :].decode(errors="replace")

    def log_tail(self) -> str:
        return self.log_text()[-LOG_TAIL:]


class Meter:
    """The workers of one prefix, each with a data directory of its own below `directory`."""

    def __init__(self, bootstrap: str, directory: Path, settings: Settings, **variables: str) -> None:
        self.directory = directory
        self.settings = settings
        self.kafka = Kafka(bootstrap, f"t{uuid.uuid4().hex[:12]}.")
        self.variables = {
            "METER_BROKER": bootstrap,
            "METER_TOPIC_PREFIX": self.kafka.prefix,
            "METER_BILLING_TIME_ZONE": settings.zone,
            "METER_RESTATEMENT_HORIZON_DAYS": str(settings.horizon_days),
            **variables,
        }
        self.workers: list[Worker] = []

    def start(self, name: str = "a", module: str = "meter.cli", role: str = "all", **variables: str) -> Worker:
        """Starts a worker; the same name takes up the same data directory. `variables` are of this start alone."""
        own = {"METER_DATA_DIR": str(self.directory / name), "METER_WEB_PORT": str(free_port())}
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("METER_")}
        environment = {**inherited, **self.variables, **own, **variables}
        worker = Worker(name, environment, self.directory / f"{name}.log", module, role)
        self.workers.append(worker)
        return worker

    def start_ready(self, names: Iterable[str]) -> list[Worker]:
        """Starts workers side by side; all are ready."""
        return [worker.wait_ready() for worker in [self.start(name) for name in names]]

    def close(self) -> None:
        """Nothing is left running."""
        for worker in self.workers:
            if worker.alive():
                worker.kill()

    def settle(self, seconds: float = 120.0) -> float:
        """Waits until everything acknowledged is in the journal, all of that folded, and what came of it readable; the
        seconds it took.

        Fails with the workers' logs when it takes longer, or when a worker ended that nobody asked to.
        """
        began = time.monotonic()
        left: list[object] = ["nobody answers"]

        def done(behind: Callable[[], object]) -> bool:
            self.must_live()
            try:
                left[0] = behind()
            except KafkaException as error:
                left[0] = error
            return not left[0]

        def state() -> str:
            return f"behind by {left[0]}\n{self.logs()}"

        inputs = self.inputs()
        for what, behind in {
            "the journal has all": lambda: self.kafka.lag(inputs),
            "all is folded": lambda: self.kafka.lag((JOURNAL,)),
            "all is readable": lambda: self.kafka.unreadable(self.kafka.topics() - {*inputs, JOURNAL}),
        }.items():
            within = max(0.0, began + seconds - time.monotonic())
            wait_until(what, partial(done, behind), within, state)
        return time.monotonic() - began

    def must_live(self) -> None:
        for worker in self.workers:
            worker.must_live()

    def logs(self) -> str:
        """The end of every worker's log."""
        return "\n".join(f"--- {worker.name}\n{worker.log_tail()}" for worker in self.workers)

    def predict(self) -> Prediction:
        """The oracle's word on everything that stands on the input topics."""
        return predict(self.settings, self.kafka.sent(self.inputs()))

    def inputs(self) -> Sequence[str]:
        """The input topics there are, workspaces' own ones too."""
        own = {topic for topic in self.kafka.topics() if topic.startswith("usage.")}
        return (*INPUTS, *sorted(own))
