"""What a person reads: the whole text of a worked case, and no line wider than the terminal."""

import logging
from decimal import Decimal

import pytest

from meter.explain.cell import Cell, Own, figure_of
from meter.explain.explain import Day, Sources, explanation
from meter.explain.model import Explanation, Source
from meter.explain.sentences import sentence
from meter.explain.text import text
from meter.explain.words import joined, short, signed
from meter.rules.billing_days import parse_day, zone
from schemas.catalog import load_catalog
from schemas.plurals import counted
from schemas.rows import Package, Plan, Traffic, WorkspaceList
from tests.explain.journal_world import histories

DAY = parse_day("2026-01-31")
CATALOG = load_catalog().version(DAY)
LAST_DAY = DAY + 371
WIDTH = 80


def cell(
    usage: dict[str, int], own: str, names: str = "AB", units: int = 110, free: bool = False, item: str = "logs"
) -> Cell:
    """W1's account: Startup and traffic packages for these workspaces, which used so many million."""
    startup = CATALOG.plans["startup"]
    traffic = (Traffic(item, units, Decimal(1), DAY, LAST_DAY, CATALOG.traffic[item].capacity),) if units else ()
    package = Package(DAY, "startup", startup.price, startup.quotas)
    plans = (Plan("o-1", DAY, LAST_DAY, (package,), (WorkspaceList(DAY, tuple(names)),), traffic),) if names else ()
    million = {name: used * 1_000_000 for name, used in usage.items()}
    mine = Own(own, 0, {CATALOG.items[item].default_retention or 0: million.pop(own)}, free=free)
    return Cell("acct", DAY, CATALOG.items[item], plans, mine, million, "CNY", CATALOG.traffic[item])


def explained(of: Cell) -> Explanation:
    sources = [Source(topic="usage", partition=3, ranges=[[991, 1010]], records=20, counted=19, duplicate=1, dead=0)]
    return explanation(of, Day(DAY, zone("Asia/Shanghai"), "closed", DAY + 35), [], Sources(sources, None))


def test_the_text_of_w1() -> None:
    assert (
        "\n".join(text(explained(cell({"A": 100, "B": 100}, "B")), WIDTH))
        == """\
B is over by 50 M of logs (75.00 CNY) because A, which comes before it in plan
o-1, used 100 M of the plan's 150 M.

acct, 2026-01-31 in Asia/Shanghai: the day is closed, late usage may restate it
until 2026-03-07; never over, so nothing is published under this key

Usage
  14 days                                          100,000,000

Plans, in drawing order
  o-1: place 2 of 2; 2026-01-31 to 2027-02-06
    package startup                                 40,000,000
    traffic 110 × 1,000,000                        110,000,000
    goes to A first                               −100,000,000
    left for B                                      50,000,000
    covered                                         50,000,000

Charge
  over: usage minus covered                         50,000,000
  14 days: 50,000,000 ÷ 1,000,000 = 50.00 × 1.5 = 75.00
  75.00 CNY, by package

What would change it
  50 more traffic packages of logs for o-1: nothing over (75.00 CNY a day
  without discount)
  first in the list of o-1 instead of place 2: nothing over
  less usage by workspaces before it (what each used, then what it drew):
    A from o-1                                     100,000,000       100,000,000

Sources
  usage/3 offsets 991 to 1010: 20 records, 19 counted, 1 duplicate

Notes
  nothing is published under this key, but 50,000,000 are over; `meter verify`
  counts again"""
    )


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        (cell({"A": 100, "B": 100}, "A"), "Nothing is over: all 100 M of logs that A used are covered by plan o-1."),
        (cell({"A": 160}, "A"),
         "A is over by 10 M of logs (15.00 CNY) because it used 160 M and plan o-1 covers 150 M a day."),
        (cell({"A": 0}, "A"), "A has no usage of logs on 2026-01-31."),
        (cell({"A": 5}, "A", free=True, names=""),
         "A is on the free tier on 2026-01-31: its 5 M of logs cost nothing."),
        (
            cell({"A": 5}, "A", names="B"),
            "No plan lists A on 2026-01-31, so all 5 M of logs that it used are charged by usage: 7.50 CNY.",
        ),
        (
            cell({"A": 1}, "A", units=0, item="sms"),
            "A is over by 1 M of sms (100000.00 CNY) because plan o-1 has no quota of sms.",
        ),
        (
            cell(dict.fromkeys("ABCDE", 50), "E", names="ABCDE"),
            "E is over by 50 M of logs (75.00 CNY) because 3 workspaces before it in plan o-1 used all of the plan's "
            "150 M (A 50 M, B 50 M, C 50 M).",
        ),
        (
            cell(dict.fromkeys("ABCDEF", 35), "F", names="ABCDEF"),
            "F is over by 35 M of logs (52.50 CNY) because 5 workspaces before it in plan o-1 used all of the plan's "
            "150 M (most by A, 35 M).",
        ),
    ],
)  # fmt: skip
def test_the_sentence(of: Cell, expected: str) -> None:
    assert sentence(of, figure_of(of)) == expected


def test_no_line_is_wider_than_the_terminal(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    shown = 0
    for history in histories(range(4_000, 4_030)):
        for world in history.worlds:
            for each in world.published():
                value = each.value
                found = world.explained(value["account"], value["workspace"], value["item"], value["day"], each.offset)
                wide = [line for line in text(found, WIDTH) if len(line) > WIDTH]
                assert not wide, wide
                shown += 1
    assert shown > 30


def test_quantities_are_short_where_that_loses_nothing() -> None:
    given = (0, 999, 1_000, 1_200, 1_234, 150_000_000, 12_700_000, 22_428_073, 1_500_000_000, -40_000_000, 10**19)
    assert [short(each) for each in given] == [
        "0", "999", "1 k", "1.2 k", "1,234", "150 M", "12.7 M", "22,428,073", "1.5 G", "−40 M", "10,000,000 T",
    ]  # fmt: skip
    assert [signed(each) for each in (5, 0, -5)] == ["+5", "0", "−5"]
    assert (joined(["a"]), joined(["a", "b", "c"]), counted(1, "record"), counted(2_000, "record")) == (
        "a", "a, b and c", "1 record", "2,000 records",
    )  # fmt: skip
