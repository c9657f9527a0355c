"""What docs/guarantees.md names as a proof is there, under that name."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
TEXT = (TESTS.parent / "docs" / "guarantees.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`([a-z_/]+\.py)::(test_\w+)`")
FOUND = [line for line in TEXT.splitlines() if re.match(r"\d+\. ", line)]
ROWS = [line for line in TEXT.splitlines() if re.match(r"\| \d", line)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_every_promise_names_tests_that_there_are(row: str) -> None:
    named = NAMED.findall(row)
    assert named, "a promise without a test is a wish"
    missing = [(path, name) for path, name in named if name not in functions(TESTS / path)]
    assert not missing


def test_everything_that_was_found_names_tests_that_there_are() -> None:
    assert len(FOUND) > 20
    for line in FOUND:
        named = NAMED.findall(line)
        assert named, line
        assert [(path, name) for path, name in named if name not in functions(TESTS / path)] == []


def functions(path: Path) -> set[str]:
    """The functions of a test file."""
    if not path.exists():
        return set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_promise_says_how_it_is_kept_and_where_it_ends() -> None:
    assert len(ROWS) > 20
    for number, row in enumerate(ROWS, 1):
        cells = [cell.strip() for cell in row.strip("|").split(" | ")]
        assert cells[0] == str(number)
        assert len(cells) == 5
        assert all(cells), row
