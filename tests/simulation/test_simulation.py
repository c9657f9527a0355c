"""4,000 seeds of crashes, doubts, zombies and repeats keep every law, half of them new ones in each run.

`make simulate SEEDS=1000000` runs more.
"""

import os
import random
import time
from collections import Counter

from tests.simulation.owner import KNOBS, knob, simulated
from tests.simulation.run import Case, in_processes, run
from tests.simulation.simulator import Simulator
from tests.simulation.world import world

#: The same in each run, and as many that nobody may have tried: a failure prints the command that repeats it.
SEEDS, NEW = range(2_000), 2_000
#: More share the machine with whatever else is tested.
PROCESSES_MOST = 4
#: Seeds after which a word count of the stories is worth something.
TOLD = range(300)


def test_whatever_goes_wrong_every_law_is_kept() -> None:
    begun, failed = time.monotonic(), []
    first = random.SystemRandom().randrange(1 << 48)
    print(f"seeds {SEEDS} and {NEW} from {first} on")
    seeds = (*SEEDS, *range(first, first + NEW))
    for _, failures in in_processes(seeds, min(PROCESSES_MOST, os.cpu_count() or 1)):
        failed += failures
    print(f"{time.monotonic() - begun:.0f} s")
    assert not failed, "\n".join([f"{len(failed)} seeds fail", *map(str, failed[:3])])


def test_every_size_limit_is_still_where_the_list_says() -> None:
    assert [name for name in KNOBS if not hasattr(*knob(name))] == []


def test_a_seed_gives_the_same_story_again() -> None:
    with simulated():
        for seed in range(20):
            assert run(Case(seed), told=True).trace == run(Case(seed), told=True).trace


def test_everything_that_can_go_wrong_does() -> None:
    """Not a law but a measure: without crashes at every step the rest would prove little."""
    seen = Counter[str]()
    with simulated():
        for seed in TOLD:
            trace: list[str] = []
            simulator = Simulator(seed, world(seed), trace=trace)
            simulator.run()
            for line in trace:
                seen.update(word for word in WORDS if word in line)
            seen.update(f"{transaction.state} transaction" for transaction in simulator.cluster.transactions)
    missing = {word for word in (*WORDS, "committed transaction", "aborted transaction") if seen[word] < 3}
    assert not missing, seen


WORDS = (
    "intake 0 is killed",
    "zombie intake writes",
    ", unheard",
    "intake 1 is paused",
    "goes to intake",
    "its stores are lost",
    "the other stands on",
    "the broker aborts",
    "is compacted",
    "stands at fence",
    "stands at fetch",
    "stands at write",
    "stands at commit",
    "stands at committed",
    "before: commit",
    "after: commit",
    "before: write",
    "after: write",
    "ProducerFenced",
)
