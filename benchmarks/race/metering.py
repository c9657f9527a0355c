"""The meter in the race: `meter worker` processes with a catalog of their own, nothing switched off.

It reads its topics under its own prefix, so the input is copied there, bindings and plans before it. Its time runs
from the log line with which the intake takes its partitions, before the first record is read.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from benchmarks.committed import last_overages
from benchmarks.load import announce
from benchmarks.race.cluster import Made, Place
from benchmarks.race.contenders import Contender, Entry
from benchmarks.workers import Worker
from meter.kafka.topics import Topics, wanted_topics
from meter.settings import Settings

#: Its workers' web ports, counted from `benchmarks.workers.FIRST_PORT`: apart from those of other measurements.
FIRST_NUMBER = 50
LOG_TIME = "%Y-%m-%d %H:%M:%S,%f"
LOG_TIME_LENGTH = 23


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

    def prepare(self, entry: Entry) -> None:
        settings = Settings.load(broker=entry.cluster.broker, topic_prefix=f"{entry.name}.")
        entry.cluster.create([Made(spec.name, spec.partitions, spec.config) for spec in wanted_topics(settings)])
        (entry.directory / "catalog.toml").write_text(entry.source.load.catalog())
        announce(entry.source.load, entry.cluster.broker, settings.topic_prefix)
        entry.source.copy(entry.cluster, Topics.of(settings.topic_prefix).usage)

    def start(self, entry: Entry) -> None:
        for number, role in enumerate(self.roles, FIRST_NUMBER):
            entry.programs.append(Worker(number, role, dict(self._settings(entry)), entry.directory))

    def first(self, entry: Entry) -> float | None:
        group = re.escape(Topics.of(f"{entry.name}.").intake_group)
        texts = [program.log.read_text(errors="replace") for program in entry.programs]
        lines = [found for text in texts for found in re.findall(rf"^(.*) {group}: [1-9]\d* partitions", text, re.M)]
        return min((_instant(line) for line in lines), default=None)

    def progress(self, entry: Entry) -> dict[Place, int]:
        workers = [program for program in entry.programs if isinstance(program, Worker)]
        return {("handled", 0): int(sum(worker.handled() for worker in workers))}

    def goal(self, entry: Entry) -> dict[Place, int]:
        return {("handled", 0): entry.source.load.events}

    def overages(self, entry: Entry) -> dict[str, int]:
        return last_overages(entry.cluster.broker, f"{entry.name}.")[0]


def _instant(line: str) -> float:
    return datetime.strptime(line[:LOG_TIME_LENGTH], LOG_TIME).astimezone().timestamp()
