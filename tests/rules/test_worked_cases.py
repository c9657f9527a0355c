"""The worked cases of SPEC section 4 as stories (`tests/rules/day_story.py` says how to read them)."""

import re

import pytest

from tests.rules.day_story import DayStory

CASES = {
    "W1: the quota covers the first workspace, what is left the next": """
        before  o-1: startup + 110 logs packages for A, B
        do      A logs 100 M
        do      B logs 100 M
        after   logs: A 100/0 M, B 50/50 M
    """,
    "W2: the workspace of higher priority reports later": """
        before  o-1: startup + 110 logs packages for A, B
        do      B logs 100 M
        after   logs: B 100/0 M
        do      A logs 100 M
        after   logs: A 100/0 M, B 50/50 M
    """,
    "W3: a correction of one workspace helps the next": """
        before  o-1: startup + 110 logs packages for A, B
        do      A logs 100 M
        do      B logs 100 M
        after   logs: A 100/0 M, B 50/50 M
        do      A logs -40 M
        after   logs: A 60/0 M, B 90/10 M
    """,
    "W4: three workspaces": """
        before  o-1: Q 150 M logs for A, B, C
        do      A logs 100 M
        do      B logs 100 M
        do      C logs 100 M
        after   logs: A 100/0 M, B 50/50 M, C 0/100 M
    """,
    "W5: one workspace on startup, over on every item": """
        before  o-1: startup for A
        do      A datakit 25
        do      A logs 40 M at 30 d
        do      A traces 5 M at 14 d
        do      A pv 400 k at 14 d
        do      A triggers 210 k
        after   datakit: A 20/5
        after   logs: A 40/40 M
        after   traces: A 5/5 M
        after   pv: A 400/400 k
        after   triggers: A 190/20 k
        charge  A datakit 15 + logs 60 + traces 15 + pv 40 + triggers 2 = 132.00
    """,
    "W6: the same with 30 traffic packages": """
        before  o-1: startup + 30 logs packages at 0.8 for A
        do      A datakit 25
        do      A logs 40 M at 30 d
        do      A traces 5 M at 14 d
        do      A pv 400 k at 14 d
        do      A triggers 210 k
        after   logs: A 70/10 M
        charge  A datakit 15 + logs 15 + traces 15 + pv 40 + triggers 2 = 87.00
        traffic 36.00 a day, together 123.00
    """,
    "W6: with 20 of them": """
        before  o-1: startup + 20 logs packages at 0.8 for A
        do      A datakit 25
        do      A logs 40 M at 30 d
        do      A traces 5 M at 14 d
        do      A pv 400 k at 14 d
        do      A triggers 210 k
        after   logs: A 60/20 M
        charge  A datakit 15 + logs 30 + traces 15 + pv 40 + triggers 2 = 102.00
        traffic 24.00 a day, together 126.00
    """,
    "W7: the plan for A alone is drawn before the one it shares": """
        before  P1: Q 10 logs for A, B
        before  P2: Q 10 logs for A
        do      A logs 10
        do      B logs 10
        after   logs: A 10/0, B 10/0
        drawn   logs: P2 gives A 10, P1 gives B 10
    """,
    "W8: the least possible total is not promised": """
        before  P1: Q 10 logs for A, B
        before  P2: Q 10 logs for B, C through 2026-06-30
        do      A logs 0
        do      B logs 10
        do      C logs 10
        after   logs: A 0/0, B 10/0, C 0/10
        drawn   logs: P2 gives B 10
    """,
}


@pytest.mark.parametrize("case", CASES)
def test_worked_case(case: str) -> None:
    DayStory().play(CASES[case])


@pytest.mark.parametrize(
    ("line", "right", "wrong"),
    [
        ("after   logs: A 100/0 M, B 50/50 M", "B 50/50", "B 50/49"),
        ("after   logs: A 100/0 M, B 50/50 M", ", B 50/50 M", ""),
        ("drawn   logs: o-1 gives A 100 M, o-1 gives B 50 M", "A 100 M, o-1 gives B 50 M", "B 50 M, o-1 gives A 100 M"),
        ("charge  B logs 75 = 75.00", "logs 75 ", "logs 75.01 "),
        ("charge  B logs 75 = 75.00", "75.00", "75.01"),
        ("traffic 165.00 a day, together 240.00", "165.00", "165.01"),
        ("traffic 165.00 a day, together 240.00", "240.00", "240.01"),
    ],
)
def test_a_wrong_figure_does_not_pass(line: str, right: str, wrong: str) -> None:
    day = DayStory()
    day.play(CASES["W1: the quota covers the first workspace, what is left the next"])
    day.play(line)
    false = line.replace(right, wrong)
    with pytest.raises(AssertionError, match=re.escape(false.split(maxsplit=1)[1])):
        day.play(false)
