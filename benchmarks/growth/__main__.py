"""How cost grows: `python -m benchmarks.growth [--events N] [--rounds R] [--curves NAMES] [--results FILE]`.

One curve for each thing that can grow (workspaces, accounts, workspaces an account, repeats, identities in the store,
workspace topics, days in play, worker processes): throughput and CPU an event at each size, everything else
alike. Sizes of all curves take turns; every run has a prefix of its own, and its overages are held against a recount.
Tables go to stdout, an SVG for each curve to the directory of `--plots`.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.growth.curves import Point, curves, interleaved
from benchmarks.growth.reporting import table, write_plots
from benchmarks.growth.running import PointRun
from benchmarks.noted import note
from benchmarks.own_broker import own_broker, say, stop_cleanly
from benchmarks.race.cluster import Cluster

WARM_UP = Point("warm-up", 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=200_000, help="of every run")
    parser.add_argument("--rounds", type=int, default=1, help="every size of every curve once in each")
    parser.add_argument("--curves", default=",".join(curves()), help="names, with commas")
    parser.add_argument("--largest", type=float, default=1.0, help="leave out sizes above this share of a curve's last")
    parser.add_argument(
        "--results", type=Path, default=Path("growth.jsonl"), help="a line of JSON for every run is added"
    )
    parser.add_argument("--plots", type=Path, default=Path("."), help="directory for the SVGs")
    parser.add_argument("--draw-only", action="store_true", help="tables and plots of the results that there are")
    given = parser.parse_args()
    stop_cleanly()
    chosen = {name: curve for name, curve in curves(given.largest).items() if name in given.curves.split(",")}
    if not chosen:
        raise SystemExit(f"--curves names some of {', '.join(curves())}")
    if not given.draw_only:
        with own_broker() as (broker, pid):
            cluster = Cluster(broker)
            for point in [WARM_UP, *interleaved(list(chosen.values())) * given.rounds]:
                with tempfile.TemporaryDirectory() as directory:
                    run = PointRun(point, given.events, cluster, pid, Path(directory)).measure()
                say(f"{point.curve} {point.size:,g}: {run.events_a_second:,.0f} events/s, {sum(run.cpu):.1f} µs each")
                if point is not WARM_UP:
                    note(given.results, "growth", curve=point.curve, size=point.size, events=given.events, **vars(run))
    results: list[dict[str, Any]] = [json.loads(line) for line in given.results.read_text().splitlines()]
    for name, curve in chosen.items():
        print(f"\n{table(name, curve, results)}", flush=True)
    write_plots(chosen, results, given.plots)
    if any(result["wrong_keys"] for result in results):
        raise SystemExit("figures are wrong")


if __name__ == "__main__":
    main()
