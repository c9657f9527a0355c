"""A long life under faults: `python -m benchmarks.long_life --out DIRECTORY [--minutes N] [--rate EVENTS] [--seed S]`.

Steady load on two workers and a broker of its own, a fault every minute in an order that the seed gives: kill -9 and
SIGTERM of a worker (then started again with its data directory), a worker and the broker stopped for longer than a
session, kill -9 of the broker. Midnight of the billing day falls into the run: a day closes, one expires. In the end
every figure is held against what was sent, and `meter verify` counts again. Left in the directory: `samples.jsonl`,
`summary.md`, `plot.svg` and the workers' logs. Exit code 1 if a figure is wrong, a worker ended by itself, or
something acknowledged was not counted a minute after a fault.
"""

import argparse
import random
import shutil
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.lag import Lag
from benchmarks.long_life.cast import Host, Journal, Player, Sampler
from benchmarks.long_life.faults import Scene, happen, schedule
from benchmarks.long_life.judging import expected, verified, wrong
from benchmarks.long_life.reporting import plot, summary
from benchmarks.long_life.traffic import HORIZON_DAYS, Scale, Sending, Traffic, offset_for
from benchmarks.own_broker import kept_broker, say, stop_cleanly
from benchmarks.workers import make_topics, meter_settings
from meter.local_broker.broker import HOST
from meter.rules.billing_days import zone

BACK_SECONDS = 60.0
SETTLE_SECONDS = 180.0
SHOWN = 20


def run(scale: Scale, every: float, seed: int, out: Path) -> bool:
    """The whole run; whether all was well."""
    with kept_broker() as (broker, running), tempfile.TemporaryDirectory(prefix="long-life-") as given:
        directory, address, prefix = Path(given), f"{HOST}:{running.port}", "life."
        settings = meter_settings(scale.catalog(), address, prefix, directory) | {
            "METER_BILLING_TIME_ZONE": offset_for(datetime.now(UTC), scale.midnight_after + BACK_SECONDS),
            "METER_CLOSE_GRACE_SECONDS": str(scale.grace),
            "METER_RESTATEMENT_HORIZON_DAYS": str(HORIZON_DAYS),
        }
        make_topics(290, settings, directory)
        traffic = Traffic(scale, seed, settings["METER_BILLING_TIME_ZONE"], Sending(address, prefix))
        traffic.announce()
        journal = Journal(out / "samples.jsonl")
        players = [Player(number, settings, directory, journal) for number in range(2)]
        scene = Scene(players, Host(broker, running.port), Lag(address, prefix), journal)
        sampler = Sampler(players, scene.host, Lag(address, prefix), journal)
        try:
            for player in players:
                player.worker.wait_ready()
            traffic.start()
            sampler.start()
            play(scene, traffic, every, seed)
            lines = judge(scene, traffic, settings, directory)
        finally:
            sampler.ended.set()
            for player in players:
                player.close()
                shutil.copy(player.worker.log, out / f"worker-{player.name}.log")
        (out / "plot.svg").write_text(plot(journal))
        text = "\n".join([*summary(journal, scale.seconds, traffic.events), "", *lines])
        (out / "summary.md").write_text(text + "\n")
        print(text, flush=True)
        late = [fault for fault in journal.of("fault") if (fault["recovery"] or SETTLE_SECONDS) > BACK_SECONDS]
        return not late and not journal.of("broken") and not lines[1:]


def play(scene: Scene, traffic: Traffic, every: float, seed: int) -> None:
    """The faults, one every so many seconds, until the load ends."""
    faults = schedule(seed, int(traffic.scale.seconds / every), len(scene.players))
    for number, (kind, player) in enumerate(faults):
        due = every * (number + 0.5)
        if scene.journal.now() > due + every:
            continue  # the one before took longer than a turn
        time.sleep(max(0.0, due - scene.journal.now()))
        happen(scene, kind, player)
    traffic.join()
    if traffic.failure is not None:
        raise SystemExit(f"the load broke off: {traffic.failure}")


def judge(scene: Scene, traffic: Traffic, settings: dict[str, str], directory: Path) -> list[str]:
    """One line about the check, then one for each thing that is wrong."""
    begun = time.monotonic()
    while (behind := scene.lag.behind()) != (0, 0) or unclosed(scene):
        if time.monotonic() - begun > SETTLE_SECONDS:
            return [
                "not settled",
                f"{behind} records behind {SETTLE_SECONDS:.0f} s after the end, {unclosed(scene)} days",
            ]
        time.sleep(0.2)
    settled = time.monotonic() - begun
    time_zone, address, prefix = (settings[f"METER_{name}"] for name in ("BILLING_TIME_ZONE", "BROKER", "TOPIC_PREFIX"))
    closed = zone(time_zone).day_of(int((time.time() - int(settings["METER_CLOSE_GRACE_SECONDS"])) * 1e6)) - 1
    known = expected(traffic.usage, traffic.scale, time_zone, address, prefix, closed)
    differences = wrong(known, address, prefix)
    right, sentence = verified(settings, str(directory / "verify"))
    if not right:
        differences.append(f"meter verify: {sentence}")
    broken = [entry["what"] for entry in scene.journal.of("broken")]
    return [
        f"zero lag {settled:.1f} s after the last record; {len(known.figures):,} figures, {len(known.statements):,} "
        f"statements, {len(known.wallets)} wallets, {traffic.orders} orders, {traffic.repeated:,} repeats: "
        f"{len(differences)} differences; meter verify: {sentence}",
        *differences[:SHOWN],
        *broken,
    ]


def unclosed(scene: Scene) -> float:
    """Days that should be closed and are not."""
    return sum(player.worker.metric("meter_days_unclosed") for player in scene.players)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="directory for samples, summary, plot and logs")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=500.0, help="events a second, repeats included")
    parser.add_argument("--every", type=float, default=60.0, help="seconds from one fault to the next")
    parser.add_argument("--seed", type=int, help="of load and faults; printed, chosen at random where it is not given")
    given = parser.parse_args()
    stop_cleanly()
    given.out.mkdir(parents=True, exist_ok=True)
    seed = random.randrange(1_000_000) if given.seed is None else given.seed
    say(f"{given.minutes:g} minutes of {given.rate:g} events/s, a fault every {given.every:g} s, --seed {seed}")
    if not run(Scale(given.minutes * 60, given.rate), given.every, seed, given.out):
        raise SystemExit(f"not all was well (--seed {seed}); the logs are in {given.out}")


if __name__ == "__main__":
    main()
