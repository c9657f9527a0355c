"""`python -m tests.simulation SEED` tells and judges one seed; with `--seeds` it runs many, from SEED on."""

import argparse
import os
import random
import sys
import time

from tests.simulation.owner import simulated
from tests.simulation.run import Case, in_processes, run
from tests.simulation.world import world

#: After so many failures there is enough to look at.
FAILURES_MOST = 10


def show(case: Case) -> bool:
    """Tell one case; whether it kept every law."""
    for sent in world(case.seed, case.messages).sent:
        print(f"{sent.kafka_ms} {sent.topic}/{sent.partition}/{sent.offset} {(sent.value or b'null').decode()}")
    with simulated():
        ran = run(case, told=True)
    print(*ran.trace, ran if ran.problems else f"seed {case.seed} keeps every law", sep="\n")
    return not ran.problems


def many(first: int, number: int, processes: int) -> bool:
    """Run many seeds; whether all kept every law."""
    print(f"seeds {first} to {first + number - 1}, {processes} processes", flush=True)
    begun, done, failed = time.monotonic(), 0, 0
    for some, failures in in_processes(range(first, first + number), processes):
        done += some
        failed += len(failures)
        for failure in failures:
            print(failure, flush=True)
        if failed >= FAILURES_MOST:
            break
    seconds = time.monotonic() - begun
    print(f"{done} seeds in {seconds:.0f} s, {done / seconds:.0f} a second, {failed} failed")
    return failed == 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("seed", type=int, nargs="?", help="the (first) seed; left out: any")
    parser.add_argument("--messages", type=int, help="send at most so many messages after the opening ones")
    parser.add_argument("--faults", type=int, help="let so many things go wrong")
    parser.add_argument("--seeds", type=int, help="run so many seeds and tell only those that fail")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="for --seeds")
    given = parser.parse_args()
    seed = random.randrange(1 << 48) if given.seed is None else given.seed
    if given.seeds is not None:
        good = many(seed, given.seeds, given.processes)
    else:
        good = show(Case(seed, given.messages, given.faults))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
