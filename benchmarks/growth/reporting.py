"""The curves' tables and plots, from the lines of results."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.growth.curves import Curve
from benchmarks.plots import Axis, Panel, svg
from benchmarks.quantiles import quantile, spread

Result = Mapping[str, Any]


def by_size(results: Sequence[Result], curve: str) -> dict[float, list[Result]]:
    """A curve's results, by size."""
    found: dict[float, list[Result]] = {}
    for result in sorted((each for each in results if each["curve"] == curve), key=lambda each: float(each["size"])):
        found.setdefault(float(result["size"]), []).append(result)
    return found


def table(name: str, curve: Curve, results: Sequence[Result]) -> str:
    """Median and range of every size, in markdown."""
    lines = [
        f"| {curve.title} | events/s | CPU µs an event: workers | broker | peak MiB | wrong |",
        "|---|---|---|---|---|---|",
    ]
    for size, runs in by_size(results, name).items():
        rate = spread([run["events_a_second"] / 1e3 for run in runs])
        workers = spread([sum(run["cpu"]) for run in runs])
        broker, peak = spread([run["broker_cpu"] for run in runs]), spread([run["peak_mib"] for run in runs], ",.0f")
        wrong = sum(run["wrong_keys"] for run in runs)
        lines.append(f"| {size:,g} | {rate} k | {workers} | {broker} | {peak} | {wrong} |")
    return "\n".join(lines)


def plot(name: str, curve: Curve, results: Sequence[Result]) -> str:
    """Throughput above, CPU an event below; medians."""
    sizes = by_size(results, name)

    def line(what: str) -> list[tuple[float, float]]:
        return [(size, quantile([_number(run, what) for run in runs], 0.5)) for size, runs in sizes.items()]

    panels = [
        Panel("events a second", {"": line("events_a_second")}, dots=True),
        Panel("CPU, µs an event", {"workers": line("cpu"), "broker": line("broker_cpu")}, dots=True),
    ]
    return svg(panels, Axis(curve.title, logarithmic=curve.logarithmic))


def _number(run: Result, what: str) -> float:
    value = run[what]
    return float(sum(value)) if isinstance(value, list | tuple) else float(value)


def write_plots(curves: Mapping[str, Curve], results: Sequence[Result], directory: Path) -> None:
    """An SVG for every curve that has results."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, curve in curves.items():
        if by_size(results, name):
            (directory / f"growth-{name}.svg").write_text(plot(name, curve, results))
