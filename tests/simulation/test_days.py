"""However the days of a world end, figures and statements are the same: the oracle's.

Any order of arrival, any cut into records and chunks, crashes, zombies, and clocks that are a day off. Then the day's
end is broken on purpose, where only a whole run can notice; `tests/rules` has the rest.
"""

from collections import Counter

import pytest

from tests.simulation.day_laws import LAWS
from tests.simulation.days import DayEnds, day_ends_simulated
from tests.simulation.judge import Evidence, judge
from tests.simulation.mutations import Mutation, broken
from tests.simulation.world import world

SEEDS = range(600)
#: A break must show in so many seeds at most; where one showed that only few show comes first.
MUTATED = (224, *range(400))


def problems(seed: int) -> dict[str, list[str]]:
    """Laws that a seed breaks, inside `day_ends_simulated`."""
    simulator = DayEnds(seed, world(seed))
    try:
        simulator.run()
        run = Evidence(simulator)
        found = judge(simulator) | {law.__name__.replace("_", " "): list(law(run)) for law in LAWS}
    except Exception as error:  # an assertion of the rules, a run that stands still: a law is broken too
        found = {"nothing raises": [f"{type(error).__name__}: {error}"]}
    return {law: sentences for law, sentences in found.items() if sentences}


def test_whatever_goes_wrong_days_end_as_the_oracle_says() -> None:
    with day_ends_simulated():
        failed = {seed: found for seed in SEEDS if (found := problems(seed))}
    assert not failed, f"{len(failed)} seeds fail, the first: {list(failed.items())[:2]}"


def test_days_do_end() -> None:
    """Not a law but a measure: without closes, restatements and expiries the rest would prove nothing."""
    seen = Counter[str]()
    with day_ends_simulated():
        for seed in range(100):
            trace: list[str] = []
            simulator = DayEnds(seed, world(seed), trace=trace)
            simulator.run()
            statements = Evidence(simulator).committed["statements"]
            seen.update("restated" if each.value["restated"] else "first" for each in statements)
            seen.update(word for line in trace for word in WORDS if word in line)
    assert min(seen[word] for word in (*WORDS, "restated", "first")) > 3, seen


WORDS = (
    "DayClosed",
    "DayExpired",
    "cursor='?'",
    "cursor='a'",
    "cursor='a/",
    "twice",
    "broke after: append",
    "broke before: append",
)

CLOSING, FACTS, STATEMENTS = (
    "meter.rules.fold.closing",
    "meter.rules.state.journal_facts",
    "meter.rules.outputs.statements",
)
FIGURES = "meter.rules.fold.recalculate"
AGENT, IDENTITIES, MEMORY = "agents.meter.day_end", "tables.identities.identities", "tables.partition_state"
MUTATIONS = (
    Mutation("the intake is not waited for", AGENT, (("            if behind:\n", "            if False:\n"),)),
    Mutation(
        "the worker's clock closes the day",
        AGENT,
        (
            ("        return self._broker_us >= instant", "        return True"),
            ("(self._broker_us, await", "(instant, await"),
        ),
    ),
    Mutation("a slice begins one account late", CLOSING, (("with_closing(last)", "with_closing(account)"),)),
    Mutation("closed days are not told again", CLOSING, (("if through or facts.closed(account, day):", "if False:"),)),
    Mutation(
        "a slice begins one workspace late",
        CLOSING,
        (("bisect_right(names, after)", "bisect_right(names, after) + 1"),),
    ),
    Mutation(
        "an account is closed by its first slice", FACTS, (("(account == last and not partly)", "account == last"),)
    ),
    Mutation("sums keep what was charged before", STATEMENTS, (("EXACT.subtract(charged, was_charged)", "charged"),)),
    Mutation("those whose coverage moves are not restated", FIGURES, (("chain(change.used, shifted)", "change.used"),)),
    Mutation("statements repeat", STATEMENTS, (("    if digest != before:", "    if True:"),)),
    Mutation(
        "the opening lets days expire",
        FACTS,
        (("    return NEVER_EXPIRED\n", "    pass\n"),),
    ),
    Mutation("cells stay", MEMORY, (("        self._rows.update(dict.fromkeys(cells))\n", ""),)),
    Mutation("what was told stays", MEMORY, (("            self._rows[row] = None\n", "            pass\n"),)),
    Mutation(
        "identities stay",
        IDENTITIES,
        (("        yield from ((key, None) for key in self._unpacked)\n", "        yield from ()\n"),),
    ),
    Mutation("spilled identities stay", IDENTITIES, (("        yield from dropped\n", "        yield from ()\n"),)),
)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.what.replace(" ", "-"))
def test_a_break_is_noticed(mutation: Mutation) -> None:
    with day_ends_simulated(), broken(mutation):
        assert any(problems(seed) for seed in MUTATED)
