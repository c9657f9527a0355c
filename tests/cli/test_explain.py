"""`meter explain` on the command line: what it refuses before it asks any broker, and how it says so."""

import pytest
from typer.testing import CliRunner

from meter.cli.app import assembled
from meter.errors import UserError

FIGURE = ("acct", "w", "logs", "2026-01-31")


def refused(*arguments: str) -> str:
    """What is said of wrong arguments."""
    done = CliRunner().invoke(assembled(), ["explain", *arguments])
    assert isinstance(done.exception, UserError), done.output
    return str(done.exception)


@pytest.mark.parametrize("arguments", [(), FIGURE[:1], FIGURE[:3]])
def test_a_figure_has_four_parts(arguments: tuple[str, ...]) -> None:
    assert refused(*arguments).startswith("which figure? meter explain ACCOUNT WORKSPACE ITEM DAY")


def test_ids_and_days_are_checked_before_anything_is_asked() -> None:
    assert refused("a/b", *FIGURE[1:]).startswith("ACCOUNT is 'a/b': an id must be 1 to 64")
    assert refused(*FIGURE[:3], "2026-02-30").startswith("DAY is '2026-02-30': day is out of range")
    assert refused(*FIGURE, "--compare", "yesterday").startswith(
        "--compare is 'yesterday': a day must be a string such as"
    )


def test_one_figure_is_compared_with_one_other() -> None:
    assert "leave one of them out" in refused(*FIGURE, "--compare", "2026-01-30", "--compare-revision", "4")


def test_a_record_is_asked_for_by_itself() -> None:
    assert "--record takes no ACCOUNT" in refused("acct", "--record", "usage", "0", "1")
