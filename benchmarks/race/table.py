"""The results as a markdown table, and the meter beside Kafka Streams round by round."""

from collections.abc import Callable, Iterable, Sequence
from statistics import median

from benchmarks.race.measuring import Result

HEAD = (
    "| load | contender | events | runs | events/s, median (range) | CPU s a million (+ broker) | peak MiB "
    "| wrong keys |",
    "|---|---|---|---|---|---|---|---|",
)
OURS, THEIRS = "meter", "kafka-streams"


def table(results: Sequence[Result]) -> str:
    """One line a load and contender, of each load the fastest first."""
    lines: list[str] = []
    for of_load in _by(results, lambda result: result.load).values():
        groups = _by(of_load, lambda result: result.contender).values()
        lines += map(_line, sorted(groups, key=lambda group: -median(result.events_a_second for result in group)))
    return "\n".join([*HEAD, *lines])


def _by(results: Iterable[Result], key: Callable[[Result], str]) -> dict[str, list[Result]]:
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(key(result), []).append(result)
    return groups


def _line(runs: Sequence[Result]) -> str:
    rates = [run.events_a_second / 1000 for run in runs if run.complete]
    cpu = f"{_median(runs, lambda run: run.cpu):.1f} + {_median(runs, lambda run: run.broker_cpu):.1f}"
    peak = _median(runs, lambda run: run.peak_mib)
    wrong = f"{max(run.wrong_keys for run in runs)} of {runs[0].keys:,}" if runs[0].keys else "–"
    late = sum(not run.complete for run in runs)
    rate = f"{median(rates):.1f} k ({min(rates):.1f}–{max(rates):.1f})" if rates else "–"
    unfinished = f", {late} not finished" if late else ""
    which = f"| {runs[0].load} | {runs[0].title} | {runs[0].events:,} | {len(runs)}"
    return f"{which} | {rate} | {cpu} | {peak:,.0f} | {wrong}{unfinished} |"


def _median(runs: Iterable[Result], figure: Callable[[Result], float]) -> float:
    return median(figure(run) for run in runs)


def ratios(results: Iterable[Result]) -> str:
    """The meter over Kafka Streams in the same round, a line a load; nothing where one of them did not run."""
    loads = _by((result for result in results if result.complete), lambda result: result.load)
    return "\n".join(line for load, of_load in loads.items() if (line := _ratios(load, of_load)))


def _ratios(load: str, results: Sequence[Result]) -> str:
    ours = {result.round: result for result in results if result.contender == OURS}
    pairs = [(ours[result.round], result) for result in results if result.contender == THEIRS and result.round in ours]
    if not pairs:
        return ""
    figures: dict[str, Callable[[Result], float]] = {
        "events/s": lambda run: run.events_a_second,
        "CPU": lambda run: run.cpu + run.broker_cpu,
        "memory": lambda run: run.peak_mib,
    }
    collected = []
    for name, figure in figures.items():
        found = [figure(mine) / figure(theirs) for mine, theirs in pairs]
        collected.append(f"{name} {median(found):.2f} ({min(found):.2f}–{max(found):.2f})")
    return f"meter / Kafka Streams, {load}, round by round: " + ", ".join(collected)
