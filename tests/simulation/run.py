"""Seeds, one by one or many in several processes; what fails is made small and can be run again by one command."""

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from tests.simulation.judge import judge
from tests.simulation.owner import simulated
from tests.simulation.simulator import FAULTS_MOST, Simulator
from tests.simulation.world import MOST, world

#: Seeds that one process takes at once.
SLICE = 250
#: Sentences shown of each broken law.
SHOWN = 3
RAISED = "nothing raises but what is expected"


@dataclass(frozen=True)
class Case:
    """A seed, and how much of it: at most so many of its messages (after the opening ones) and so many faults."""

    seed: int
    messages: int | None = None
    faults: int | None = None

    @property
    def command(self) -> str:
        """Runs it again."""
        parts = [f"python -m tests.simulation {self.seed}"]
        parts += [f"--messages {self.messages}"] if self.messages is not None else []
        parts += [f"--faults {self.faults}"] if self.faults is not None else []
        return " ".join(parts)


@dataclass
class Ran:
    """What came of a case: broken laws and how they are broken, and the story."""

    case: Case
    problems: dict[str, list[str]]
    trace: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"seed {self.case.seed}; again: {self.case.command}"]
        for law, problems in self.problems.items():
            lines.append(f"  {law}: broken {len(problems)} times")
            lines += [f"    {problem}" for problem in problems[:SHOWN]]
        return "\n".join(lines)


def run(case: Case, told: bool = False) -> Ran:
    """Run a case inside `simulated`; what it raises breaks a law too. `told`: with its story."""
    ran = Ran(case, {})
    try:
        simulator = Simulator(case.seed, world(case.seed, case.messages), case.faults, ran.trace if told else None)
        simulator.run()
        ran.problems = judge(simulator)
    except Exception as error:
        ran.problems = {RAISED: [f"{type(error).__name__}: {error}"]}
    return ran


def shrunk(failed: Ran) -> Ran:
    """The same failure with fewer faults, then with fewer messages, if it still shows."""
    best = failed
    for faults in range(FAULTS_MOST):
        smaller = run(Case(failed.case.seed, None, faults))
        if smaller.problems:
            best = smaller
            break
    for messages in range(MOST):
        smaller = run(Case(failed.case.seed, messages, best.case.faults))
        if smaller.problems:
            return smaller
    return best


def failures(seeds: Sequence[int]) -> list[Ran]:
    """Those of the seeds that fail, made small."""
    with simulated():
        return [shrunk(ran) for ran in map(run, map(Case, seeds)) if ran.problems]


def in_processes(seeds: Sequence[int], processes: int) -> Iterator[tuple[int, list[Ran]]]:
    """Run seeds in several processes; after each slice how many were run, and its failures."""
    slices = [seeds[start : start + SLICE] for start in range(0, len(seeds), SLICE)]
    clean = multiprocessing.get_context("forkserver")
    clean.set_forkserver_preload([__name__])  # what all of them need is imported once
    with ProcessPoolExecutor(processes, mp_context=clean) as pool:
        for some, failed in zip(slices, pool.map(failures, slices), strict=True):
            yield len(some), failed
