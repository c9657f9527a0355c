"""How the demo's board reads the topics and how its screen shows them."""

from decimal import Decimal
from io import StringIO

import pytest
from rich.console import Console

from meter.demo import screen, story
from meter.demo.board import NO_FIGURE, Board, Figure
from meter.kafka.topics import Topics
from schemas.balances import QuotaBalance
from tests.cli.test_overages import overage

TOPICS = Topics.of("demo-1.")


def balance(revision: int, usage: int, covered: int) -> bytes:
    """A record of `quota-balances`."""
    each = {"workspace": "wksp_b", "usage": usage, "covered": covered, "overage": usage - covered}
    content = {"account": "acct_1", "item": "logs", "day": "2026-01-31", "quota": 100, "covered": covered, "left": 0}
    return QuotaBalance.model_validate(
        {**content, "plans": [], "workspaces": [each], "revision": revision}
    ).json_bytes()


RECORDS = [
    (TOPICS.overages, overage(5, 10).json_bytes()),
    (TOPICS.quota_balances, balance(4, 90, 90)),
    (TOPICS.quota_balances, balance(5, 100, 90)),
    (TOPICS.quota_balances, balance(7, 100, 90)),
]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2)])
def test_the_board_is_the_same_in_whatever_order_the_topics_are_read(order: tuple[int, ...]) -> None:
    board = Board(TOPICS)
    for number in order:
        board.take(*RECORDS[number])
    assert board.figures == {("wksp_b", "logs"): Figure(7, 100, 90, 10, Decimal(15))}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (9_999, "9,999"),
        (10_000, "10 k"),
        (588_590, "588.5 k"),
        (1_000_000, "1 M"),
        (50_000_000, "50 M"),
        (10**15, "1,000,000,000 M"),
    ],
)
def test_quantities_are_short(value: int, text: str) -> None:
    assert screen.quantity(value) == text


def test_a_list_says_what_it_leaves_out() -> None:
    parts = ["datakit 5", "pv 400 k", "traces 5 M"]
    assert screen.fitting(parts, 40) == "datakit 5, pv 400 k, traces 5 M"
    assert screen.fitting(parts, 23) == "datakit 5, pv 400 k, +1"
    assert screen.fitting(parts, 14) == "datakit 5, +2"
    assert screen.fitting(parts, 5) == "3 items"
    assert screen.fitting([], 5) == ""


def test_a_change_stays_marked_for_a_while() -> None:
    board, marks = Board(TOPICS), screen.Marks()
    board.free.add("acme-prod")
    board.figures["acme-prod", "logs"] = NO_FIGURE._replace(overage=5)
    marks.look(board, 10.0)
    assert marks.of("acme-prod", 10.1) == screen.ROSE
    assert marks.of("acme-prod", 10.0 + screen.MARKED_SECONDS) == screen.SAME
    board.figures["acme-prod", "logs"] = NO_FIGURE
    marks.look(board, 20.0)
    assert marks.of("acme-prod", 20.1) == screen.FELL


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits(width: int) -> None:
    board = Board(TOPICS)
    for workspace in story.WORKSPACES:
        for use in workspace.uses:
            board.figures[workspace.name, use.item] = Figure(1, use.total, 0, use.total, Decimal("1234.56"))
    text = StringIO()
    console = Console(file=text, width=width)
    console.print(screen.table(board, screen.Marks(), 0.0, width, airy=False))
    lines = text.getvalue().splitlines()
    assert len(lines) == len(story.WORKSPACES) + 1
    assert all(len(line.rstrip()) <= width for line in lines)
    assert all(workspace.name in text.getvalue() for workspace in story.WORKSPACES)
