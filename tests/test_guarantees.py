"""What docs/guarantees.md names as a proof is there; each promise says how it is kept and where it ends."""

import ast
import re
from functools import lru_cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
TEXT = (TESTS.parent / "docs" / "guarantees.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")
#: What a promise's section says, in this order.
PARTS = ("**Promise.**", "**How it is kept.**", "**Not promised.**", "**Tests**")
#: No cell or sentence that nobody reads to its end.
LINE_LENGTH = 1_000


def part(heading: str) -> str:
    """The text below a heading of the second level."""
    assert TEXT.count(f"\n## {heading}\n") == 1
    return TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


PROMISES = re.split(r"^### ", part("The promises"), flags=re.MULTILINE)[1:]
FOUND = re.split(r"^(?=\d+\. )", part("What was found by trying to break it"), flags=re.MULTILINE)[1:]
SIZES = [line for line in part("How much it bears").splitlines() if line.startswith("| ")][1:]


def title(text: str) -> str:
    """How a failure names a promise, a find or a size."""
    return text.splitlines()[0].strip("| ")[:60]


@lru_cache
def functions(path: Path) -> frozenset[str]:
    """The functions of a test file."""
    if not path.exists():
        return frozenset()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def missing(text: str) -> list[str]:
    """Tests that a text names and that there are not."""
    return [f"{path}::{name}" for path, name in NAMED.findall(text) if name not in functions(TESTS / path)]


@pytest.mark.parametrize("promise", PROMISES, ids=title)
def test_every_promise_names_tests_that_there_are(promise: str) -> None:
    assert NAMED.findall(promise.partition(PARTS[-1])[2]), "a promise without a test is a wish"
    assert not missing(promise)


@pytest.mark.parametrize("promise", PROMISES, ids=title)
def test_every_promise_says_how_it_is_kept_and_where_it_ends(promise: str) -> None:
    _, *found = re.split("|".join(map(re.escape, PARTS)), promise)
    assert re.findall("|".join(map(re.escape, PARTS)), promise) == list(PARTS)
    assert all(text.strip() for text in found)


@pytest.mark.parametrize("found", FOUND, ids=title)
def test_everything_that_was_found_names_tests_that_there_are(found: str) -> None:
    assert NAMED.findall(found)
    assert not missing(found)


@pytest.mark.parametrize("size", SIZES, ids=title)
def test_every_size_that_was_tried_names_its_limit_and_a_test(size: str) -> None:
    cells = [cell.strip() for cell in size.strip("|").split(" | ")]
    assert len(cells) == 5, "what, size tried, limit, beyond the limit, test"
    assert all(cells)
    assert NAMED.findall(cells[-1])
    assert not missing(size)


def test_promises_and_finds_are_numbered_and_all_there() -> None:
    assert [promise.partition(".")[0] for promise in PROMISES] == [str(number + 1) for number in range(len(PROMISES))]
    assert [found.partition(".")[0] for found in FOUND] == [str(number + 1) for number in range(len(FOUND))]
    assert len(PROMISES) > 20
    assert len(FOUND) > 25
    assert len(SIZES) > 15


def test_no_promise_is_a_table_row_again() -> None:
    assert [line for line in TEXT.splitlines() if re.match(r"\| ?\d+ ?\|", line)] == [], "a promise is a section"
    assert [line[:60] for line in TEXT.splitlines() if len(line) > LINE_LENGTH] == []


def test_every_test_that_the_document_names_is_there() -> None:
    assert len(NAMED.findall(TEXT)) > 150
    assert not missing(TEXT)
