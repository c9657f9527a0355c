"""The meter in the race: `meter worker` processes with a catalog of their own, nothing switched off.

It reads its topics under its own prefix, so the input is copied there. Before that, bindings and plans: workers take
them in, decide them and stop, for to Kafka Streams they are arithmetic that its program was given. What they cost is
`setup_cpu_seconds`. Then the same workers start again. Their time runs from the log line with which the intake takes
its partitions, before the first record is read.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from benchmarks.committed import last_overages
from benchmarks.load import announce
from benchmarks.race.cluster import Made
from benchmarks.race.contenders import Contender, Entry
from benchmarks.race.programs import stop
from benchmarks.workers import Worker, handled, until_handled
from meter.kafka.topics import Topics, wanted_topics
from meter.settings import Settings

#: Its workers' web ports, counted from `benchmarks.workers.FIRST_PORT`: apart from those of other measurements.
FIRST_NUMBER = 50
LOG_TIME = "%Y-%m-%d %H:%M:%S,%f"
LOG_TIME_LENGTH = 23
#: Bindings and plans may take so long.
SETUP_SECONDS = 600.0


class Metering(Contender):
    """One `meter worker` process for each role."""

    def __init__(self, roles: Sequence[str]) -> None:
        self.roles = roles
        self.title = f"meter ({' + '.join(roles)})"

    def _settings(self, entry: Entry) -> Mapping[str, str]:
        return {
            "METER_BROKER": entry.cluster.broker,
            "METER_TOPIC_PREFIX": f"{entry.name}.",
            "METER_BILLING_TIME_ZONE": "+00:00",
            "METER_CATALOG": str(entry.directory / "catalog.toml"),
        }

    def _workers(self, entry: Entry) -> list[Worker]:
        settings = dict(self._settings(entry))
        return [Worker(number, role, settings, entry.directory) for number, role in enumerate(self.roles, FIRST_NUMBER)]

    def prepare(self, entry: Entry) -> float:
        settings = Settings.load(broker=entry.cluster.broker, topic_prefix=f"{entry.name}.")
        entry.cluster.create([Made(spec.name, spec.partitions, spec.config) for spec in wanted_topics(settings)])
        (entry.directory / "catalog.toml").write_text(entry.source.load.catalog())
        announce(entry.source.load, entry.cluster.broker, settings.topic_prefix)
        seconds = self._set_up(entry)
        entry.source.copy(entry.cluster, Topics.of(settings.topic_prefix).usage)
        return seconds

    def _set_up(self, entry: Entry) -> float:
        """Let workers decide all plans; the CPU seconds that they used."""
        load, workers = entry.source.load, self._workers(entry)
        try:
            until = partial(until_handled, workers, seconds=SETUP_SECONDS, poll_seconds=0.5)
            until(load.accounts * load.plans, kind="order")
            until(load.workspaces, kind="workspace")
            return sum(worker.cpu() for worker in workers)
        finally:
            stop(workers)
            for worker in workers:
                worker.log.rename(worker.log.with_suffix(".setup.log"))

    def start(self, entry: Entry) -> None:
        entry.programs.extend(self._workers(entry))

    def first(self, entry: Entry) -> float | None:
        group = re.escape(Topics.of(f"{entry.name}.").intake_group)
        texts = [program.log.read_text(errors="replace") for program in entry.programs]
        lines = [found for text in texts for found in re.findall(rf"^(.*) {group}: [1-9]\d* partitions", text, re.M)]
        return min((_instant(line) for line in lines), default=None)

    def stages(self, entry: Entry) -> Mapping[str, Sequence[str]]:
        topics = Topics.of(f"{entry.name}.")
        return {topics.intake_group: (topics.usage,), topics.meter_group: (topics.journal,)}

    def all_handled(self, entry: Entry) -> bool:
        workers = [program for program in entry.programs if isinstance(program, Worker)]
        return handled(workers) == entry.source.load.events

    def overages(self, entry: Entry) -> dict[str, int]:
        return last_overages(entry.cluster.broker, f"{entry.name}.")[0]


def _instant(line: str) -> float:
    return datetime.strptime(line[:LOG_TIME_LENGTH], LOG_TIME).astimezone().timestamp()
