"""One run at a fixed rate: CPU an event in a window under way, latency of probes, every figure judged."""

import math
import os
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.latency.probes import PROBED, MeterProbed, Probes
from benchmarks.load import Load, Sender, wrong_keys
from benchmarks.quantiles import quantile
from benchmarks.race.cluster import Cluster
from benchmarks.race.programs import ended
from benchmarks.topic_rate.contenders import Contender, Meter, make_own_topics
from benchmarks.topic_rate.load import Loading, topic_of
from benchmarks.workers import cpu_seconds

#: What is not counted: caches, connections and the compiler are warm after it.
WARM_SECONDS = 12.0
PROBES_A_SECOND = 20.0


@dataclass(frozen=True)
class Run:
    """What one run measured; CPU in µs an event, latency in ms from a record's acknowledgement to its overage."""

    contender: str
    topics: int
    rate: float
    reached: float
    handled_a_second: float
    cpu: tuple[float, ...]
    broker_cpu: float
    p50: float
    p99: float
    behind_seconds: float
    peak_mib: float
    wrong: int
    figures: int
    busy: float


class OwnProbed(MeterProbed):
    """Probed through workspace topics."""

    def topic(self, number: int) -> str:
        return topic_of(self.prefix, f"probed_{number % PROBED}", own=True)


@dataclass(frozen=True)
class Setting:
    """What is the same for all runs."""

    topics: int
    rate: float
    seconds: float
    linger_ms: int
    #: How long a contender may take for what is left once all is sent; else it is not done, and not judged.
    drain_seconds: float
    broker_pid: int


def measure(name: str, contender: Contender, cluster: Cluster, setting: Setting) -> Run:
    """One run under a prefix of its own, which is deleted with it."""
    prefix = f"rate-{os.urandom(3).hex()}."
    seconds = WARM_SECONDS + setting.seconds
    load = Load(int(setting.rate * seconds), setting.topics, max(1, setting.topics // 4))
    probing = isinstance(contender, Meter)
    with tempfile.TemporaryDirectory(prefix="topic-rate-") as directory:
        try:
            contender.setup(load, cluster, prefix, Path(directory))
            if contender.own:
                make_own_topics(cluster, _names(prefix, setting.topics, probing))
            if probing:
                _announce_probed(cluster.broker, prefix)
            loading = Loading(load, cluster.broker, prefix, contender.own, setting.rate, setting.linger_ms)
            contender.start(load, cluster, prefix, Path(directory))
            return _timed(name, contender, cluster, setting, prefix, load, loading)
        finally:
            contender.stop()
            cluster.forget()
            cluster.delete(prefix)


def _names(prefix: str, topics: int, probing: bool) -> list[str]:
    names = [f"wksp_{number}" for number in range(topics)]
    if probing:
        names += [f"probed_{number}" for number in range(PROBED)]
    return [topic_of(prefix, name, own=True) for name in names]


def _announce_probed(broker: str, prefix: str) -> None:
    sender = Sender(broker, prefix)
    for each in range(PROBED):
        told = {"workspace": f"probed_{each}", "account": f"probe_{each}", "tier": "commercial"}
        sender.send("workspaces", None, told)
    sender.flush()


def _timed(
    name: str, contender: Contender, cluster: Cluster, setting: Setting, prefix: str, load: Load, loading: Loading
) -> Run:
    probes = _probes(contender, cluster, prefix, setting)
    loading.go()
    time.sleep(WARM_SECONDS)
    since, handled, acknowledged = time.monotonic(), contender.handled(), loading.acknowledged
    cpu = [program.cpu() for program in contender.programs]
    broker = cpu_seconds(setting.broker_pid)
    time.sleep(max(0.0, setting.seconds - 1.0))
    passed = time.monotonic() - since
    handled_after, acknowledged = contender.handled(), loading.acknowledged - acknowledged
    cpu = [program.cpu() - before for program, before in zip(contender.programs, cpu, strict=True)]
    broker = cpu_seconds(setting.broker_pid) - broker
    known = handled is not None and handled_after is not None
    events = (handled_after or 0) - (handled or 0) if known else acknowledged
    expected, _ = loading.ended()
    ended = time.monotonic()
    done = _until_done(contender, load, cluster, prefix, setting.drain_seconds)
    behind = time.monotonic() - ended if done else math.inf
    latencies = _latencies(probes)
    published = contender.overages(cluster, prefix) if done else None
    wrong, wanted = 0, expected
    if published is not None:
        if probes is not None:
            wanted = expected | MeterProbed(cluster.broker, prefix).expected(probes[0].of_each())
        wrong = len(wrong_keys(wanted, published)) + (probes[0].missing() if probes is not None else 0)
    return Run(
        name,
        setting.topics,
        setting.rate,
        acknowledged / passed,
        events / passed,
        tuple(each / max(1.0, events) * 1e6 for each in cpu),
        broker / max(1.0, acknowledged) * 1e6,
        quantile(latencies, 0.5),
        quantile(latencies, 0.99),
        behind,
        sum(program.peak_mib() for program in contender.programs),
        wrong,
        0 if published is None else len(wanted),
        round(os.getloadavg()[0], 1),
    )


def _probes(
    contender: Contender, cluster: Cluster, prefix: str, setting: Setting
) -> tuple[Probes, threading.Thread] | None:
    if not isinstance(contender, Meter):
        return None
    kind = OwnProbed if contender.own else MeterProbed
    # Probes know seconds to warm up of their own; the rest they send as long as the load goes.
    probes = Probes(kind(cluster.broker, prefix), PROBES_A_SECOND, WARM_SECONDS + setting.seconds - 5.0)
    thread = threading.Thread(target=probes.run, daemon=True)
    thread.start()
    return probes, thread


def _latencies(probes: tuple[Probes, threading.Thread] | None) -> Sequence[float]:
    if probes is None:
        return []
    probes[1].join()
    warm = int(PROBES_A_SECOND * (WARM_SECONDS - 5.0))
    return probes[0].latencies()[warm:]


def _until_done(contender: Contender, load: Load, cluster: Cluster, prefix: str, seconds: float) -> bool:
    """Wait until all of the load is handled, but no longer than that; whether it is."""
    deadline = time.monotonic() + seconds
    while not contender.done(load, cluster, prefix):
        program = ended(contender.programs)
        if program is not None:
            raise SystemExit(f"{contender.title} ended:\n{program.log.read_text()[-3000:]}")
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True
