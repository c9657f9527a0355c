"""What the hour came to: the first third beside the last, the recoveries, and the plot."""

import math
from typing import Any

from benchmarks.long_life.cast import Journal
from benchmarks.plots import Axis, Panel, Point, svg
from benchmarks.quantiles import quantile, spread

#: Memory and files depend on how long a process has lived: only lives of one age are compared.
AGES = ((20.0, 60.0), (60.0, 180.0), (180.0, 600.0), (600.0, math.inf))
PANELS = {"rss": "resident memory, MiB", "files": "open files", "threads": "threads", "store": "RocksDB, MiB"}


def summary(journal: Journal, seconds: float, events: int) -> list[str]:
    """A table of the two thirds, then one of the faults, in markdown."""
    thirds = (seconds / 3, seconds * 2 / 3)
    lines = ["| | first third | last third |", "|---|---|---|"]
    workers = [entry for entry in journal.of("worker") if entry["at"] <= seconds and not entry["paused"]]
    parts = ([e for e in workers if e["at"] < thirds[0]], [e for e in workers if e["at"] >= thirds[1]])
    for name, title in (("rss", "memory of a worker, MiB"), ("files", "open files"), ("threads", "threads")):
        for low, high in AGES:
            collected = [[e[name] for e in part if low <= e["up"] < high] for part in parts]
            if all(collected):
                age = f"up {low:.0f}–{high:.0f} s" if high < math.inf else f"up {low:.0f} s or more"
                lines.append(f"| {title}, {age} | {spread(collected[0], ',.0f')} | {spread(collected[1], ',.0f')} |")
    stores = [[e["store"] for e in part] for part in parts]
    lines.append(f"| RocksDB of a worker, MiB | {spread(stores[0])} | {spread(stores[1])} |")
    brokers = journal.of("broker")
    collected = [
        [e["rss"] for e in brokers if e["at"] < thirds[0]],
        [e["rss"] for e in brokers if e["at"] >= thirds[1]],
    ]
    lines.append(f"| broker, MiB | {spread(collected[0], ',.0f')} | {spread(collected[1], ',.0f')} |")
    lines += ["", "| fault | times | seconds to recover: median (range) |", "|---|---|---|"]
    faults = journal.of("fault")
    for name in sorted({fault["name"] for fault in faults}):
        took = [_took(fault) for fault in faults if fault["name"] == name]
        lines.append(f"| {name} | {len(took)} | {spread(took)} |")
    every = [_took(fault) for fault in faults]
    lines.append(f"| all | {len(every)} | {spread(every)} |")
    lines += ["", f"{events:,} events counted; p90 of the recoveries {quantile(every, 0.9):.1f} s"]
    return lines


def _took(fault: dict[str, Any]) -> float:
    return math.inf if fault["recovery"] is None else float(fault["recovery"])


def plot(journal: Journal) -> str:
    """Memory, files, threads, stores and lag over the minutes, a grey line for each fault."""
    workers, names = journal.of("worker"), ("a", "b")
    panels = [
        Panel(title, {f"worker {name}": _line([e for e in workers if e["name"] == name], key) for name in names})
        for key, title in PANELS.items()
    ]
    lags = journal.of("lag")
    lines = {key: [(e["at"] / 60, float(e[key])) for e in lags] for key in ("usage", "journal")}
    panels.append(Panel("records behind", lines))
    return svg(panels, Axis("minutes; grey: a fault", marks=[fault["begun"] / 60 for fault in journal.of("fault")]))


def _line(samples: list[dict[str, Any]], key: str) -> list[Point]:
    """One worker's line, cut where a new life begins."""
    line: list[Point] = []
    life = None
    for entry in samples:
        if life not in (None, entry["life"]):
            line.append((entry["at"] / 60, math.nan))
        life = entry["life"]
        line.append((entry["at"] / 60, float(entry[key])))
    return line
