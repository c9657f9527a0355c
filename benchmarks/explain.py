"""How long an explanation takes: `python -m benchmarks.explain [--events N] [--workspaces N] [--runs R]`.

Meters a day of so many events of one account, then asks `meter explain` for a workspace that is over, behind three
quarters of the list, as a person would: a process each time, from published records alone and with the journal counted
again. Every figure that is explained is held against the recount.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.committed import last_overages
from benchmarks.load import Load, send, wrong_keys
from benchmarks.noted import note
from benchmarks.own_broker import own_broker, say, stop_cleanly
from benchmarks.quantiles import spread
from benchmarks.workers import Worker, make_topics, meter_settings, until_handled

#: Its web ports, counted from `benchmarks.workers.FIRST_PORT`.
INTAKE, METER = 260, 261
LIMIT_SECONDS = 3_600.0
ACCOUNT, ITEM = "acct_0", "logs"
Measured = dict[str, list[float]]
WAYS = {"without sources": ["--no-sources"], "with sources": [], "at the first revision": ["--revision"]}


def main() -> None:
    """Meter the load, explain it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--workspaces", type=int, default=1_000, help="of the one account")
    parser.add_argument("--runs", type=int, default=3, help="explanations of each kind")
    parser.add_argument("--results", type=Path, help="append the results as a JSON line")
    given = parser.parse_args()
    stop_cleanly()
    load = Load(given.events, given.workspaces, accounts=1)
    with own_broker() as (broker, _), tempfile.TemporaryDirectory() as directory:
        settings = meter_settings(load.catalog(), broker, "explain.", Path(directory))
        day = metered(load, broker, settings, Path(directory))
        published, records = last_overages(broker, "explain.")
        wrong = len(wrong_keys(load.overages(), published))
        say(f"{records:,} overages published, {wrong} of {len(published):,} figures wrong; explaining")
        seconds, cpu, found = asked(load, settings, day, given.runs)
    wrong += judged(load, found)
    print("| explanation | seconds, median (range) | CPU s |\n|---|---|---|")
    for way, times in seconds.items():
        print(f"| {way} | {spread(times, '.1f')} | {spread(cpu[way], '.1f')} |")
    result = {"events": given.events, "workspaces": given.workspaces, "overages": records}
    note(given.results, "explain", **result, seconds=seconds, cpu=cpu)
    if wrong:
        raise SystemExit("figures are wrong")


def metered(load: Load, broker: str, settings: dict[str, str], directory: Path) -> str:
    """Send and meter the load; its day."""
    make_topics(259, settings, directory)
    say(f"sending {load.events:,} events")
    day = datetime.now(UTC).date().isoformat()
    send(load, broker, "explain.")
    workers = [Worker(INTAKE, "intake", settings, directory), Worker(METER, "meter", settings, directory)]
    try:
        say("metering them")
        until_handled(workers, load.events, LIMIT_SECONDS)
    finally:
        for worker in workers:
            worker.stop()
    return day


def asked(load: Load, settings: dict[str, str], day: str, runs: int) -> tuple[Measured, Measured, list[Any]]:
    """Explain, each way in turn; the seconds and the CPU seconds of each, and the answers."""
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    cpu: dict[str, list[float]] = {way: [] for way in WAYS}
    found: list[Any] = []
    command = [
        sys.executable,
        "-m",
        "meter.cli",
        "explain",
        ACCOUNT,
        f"wksp_{load.workspaces * 3 // 4}",
        ITEM,
        day,
        "--json",
    ]
    for _ in range(runs):
        for way, options in WAYS.items():
            first = [str(found[0]["history"][0]["revision"])] if options == ["--revision"] else []
            begun, used = time.monotonic(), children_cpu()
            done = subprocess.run(
                [*command, *options, *first], env={**os.environ, **settings}, capture_output=True, check=False
            )
            seconds[way].append(time.monotonic() - begun)
            cpu[way].append(children_cpu() - used)
            if done.returncode:
                raise SystemExit(f"explaining failed: {done.stderr.decode()}")
            answer = json.loads(done.stdout)
            say(f"{way}: {seconds[way][-1]:.1f} s, CPU {cpu[way][-1]:.1f} s: {answer['sentence']}")
            found.append(answer)
    return seconds, cpu, found


def children_cpu() -> float:
    """Seconds of CPU that ended child processes used: what a busy machine does not stretch."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def judged(load: Load, found: list[Any]) -> int:
    """Answers that are not as the recount has it: what is over, what was used, how many records counted."""
    wrong = 0
    for number, answer in enumerate(found):
        if answer["notes"]:
            print(f"notes: {answer['notes']}")
            wrong += 1
        if list(WAYS.values())[number % len(WAYS)] == ["--revision"]:
            continue
        name = answer["workspace"]
        over = load.overages().get(f"{ACCOUNT}/{name}/{ITEM}", 0)
        used = load.usage[ACCOUNT, ITEM].get(name, 0)
        if (answer["overage"], answer["usage"]["converted"]) != (over, used):
            print(f"{name}: over {answer['overage']} of {answer['usage']['converted']}, should be {over} of {used}")
            wrong += 1
        if answer["sources"] and any(each["dead"] for each in answer["sources"]):
            print(f"{name}: dead records, but all were good")
            wrong += 1
    return wrong


if __name__ == "__main__":
    main()
