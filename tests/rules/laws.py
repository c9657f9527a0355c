"""A law of SPEC as a check that takes the rules module to be judged.

So the same check serves twice: the law tests give it the module itself, `test_mutations` a broken copy, on which it
must fail. No law calls the code it judges to know what is right.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

Rules = Any  # a module of meter/rules, or a broken copy of one


@dataclass(frozen=True)
class Law:
    """A sentence, the examples it is tried on, and the check that raises AssertionError where it is broken."""

    text: str
    examples: SearchStrategy[Any]
    holds: Callable[[Rules, Any], None]

    def check(self, rules: Rules, most: int) -> None:
        """Try the law on the same examples every time, at most so many."""

        @settings(
            max_examples=most,
            derandomize=True,
            database=None,
            deadline=None,
            phases=(Phase.generate,),
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        )
        @given(self.examples)
        def on_examples(example: Any) -> None:
            self.holds(rules, example)

        on_examples()
