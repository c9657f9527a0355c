"""Did it become slower? `python -m benchmarks.quick [--base REVISION]`: this work tree beside an earlier commit.

Two minutes, half of them for a narrow load and half for a wide one, in which each cell is touched a few times. The base
(the previous tag; without tags, the commit before) is checked out into a temporary work tree of git and run by this
same environment. Pairs of runs alternate, with the order changed each time, on one broker of their own: only the ratio
of a pair means something, since machines are not as fast as they were an hour ago.
"""

import argparse
import contextlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.load import Load
from benchmarks.own_broker import own_broker, say
from benchmarks.throughput import Run, measure

ROOT = Path(__file__).resolve().parents[1]
ROLES = ("intake", "meter")
#: Of the wide load, workspaces and accounts for each hundred events: as many events a cell as in the race.
WIDE_WORKSPACES, WIDE_ACCOUNTS = 10, 2.5
#: Time for pairs; at least two of them are run whatever they take.
SECONDS = 100.0
LEAST_PAIRS = 2


def git(*arguments: str, cwd: Path = ROOT) -> str:
    """What a git command says; its failure ends us with its words."""
    done = subprocess.run(["git", *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"`git {' '.join(arguments)}` failed: {done.stderr.strip()}")
    return done.stdout.strip()


def previous() -> str:
    """The tag before this commit, or else the commit before."""
    tags = git("tag", "--merged", "HEAD^", "--sort=-creatordate").splitlines()
    return tags[0] if tags else "HEAD^"


@contextlib.contextmanager
def checked_out(revision: str) -> Iterator[Path]:
    """A work tree of this revision, for as long as it is needed."""
    with tempfile.TemporaryDirectory(prefix="bench-base-") as directory:
        tree = Path(directory) / "tree"
        git("worktree", "add", "--detach", "--quiet", str(tree), revision)
        try:
            yield tree
        finally:
            git("worktree", "remove", "--force", str(tree))


def loads(events: int) -> dict[str, Load]:
    """The loads of a run; a wide event costs several narrow ones."""
    wide = events // 3
    return {
        "narrow": Load(events),
        "wide": Load(wide, int(wide / 100 * WIDE_WORKSPACES), int(wide / 100 * WIDE_ACCOUNTS)),
    }


def run(tree: Path, load: Load, broker: str, pid: int) -> Run:
    """One run of the workers of a tree: the directory they are started in is where they find their packages."""
    with tempfile.TemporaryDirectory(prefix="bench-run-") as directory, contextlib.chdir(tree):
        measured = measure(load, broker, pid, ROLES, Path(directory))
    if measured.wrong_keys:
        raise SystemExit(f"{measured.wrong_keys} figures are wrong")
    return measured


def pairs(base: Path, load: Load, broker: str, pid: int, seconds: float) -> Iterator[tuple[Run, Run]]:
    """Runs of both trees (the base's, ours), one after the other, until the time is up."""
    until, number, longest = time.monotonic() + seconds, 0, 0.0
    while number < LEAST_PAIRS or time.monotonic() + longest < until:
        begun = time.monotonic()
        order = (base, ROOT) if number % 2 == 0 else (ROOT, base)
        measured = {tree: run(tree, load, broker, pid) for tree in order}
        yield measured[base], measured[ROOT]
        number, longest = number + 1, max(longest, time.monotonic() - begun)


def cost(measured: Run) -> float:
    """CPU of an event, in µs."""
    return sum(measured.cpu)


def compare(revision: str, events: int, seconds: float) -> None:
    """Run the pairs and tell the ratios."""
    changed = " with uncommitted changes" if git("status", "--porcelain", "--untracked-files=no") else ""
    now, then = git("rev-parse", "--short", "HEAD"), git("rev-parse", "--short", f"{revision}^{{commit}}")
    say(f"{now}{changed} beside {revision} ({then}), {events:,} events a narrow run")
    collected = []
    with own_broker() as (broker, pid), checked_out(revision) as base:
        for name, load in loads(events).items():
            rates, costs = [], []
            for earlier, ours in pairs(base, load, broker, pid, seconds / 2):
                rates.append(ours.events_a_second / earlier.events_a_second)
                costs.append(cost(ours) / cost(earlier))
                say(
                    f"{name}: {earlier.events_a_second:,.0f} → {ours.events_a_second:,.0f} events/s ({rates[-1]:.2f}), "
                    f"CPU {cost(earlier):.1f} → {cost(ours):.1f} µs an event ({costs[-1]:.2f})"
                )
            collected.append(
                f"{name}: events/s {ratio(rates)} of {revision}; CPU an event {ratio(costs)}; {len(rates)} pairs"
            )
    print("\n".join(collected))


def ratio(found: list[float]) -> str:
    """Median and range."""
    return f"{median(found):.2f} ({min(found):.2f}–{max(found):.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="", help="a tag or commit; default: the previous tag, or the commit before")
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    compare(given.base or previous(), given.events, given.seconds)


if __name__ == "__main__":
    main()
