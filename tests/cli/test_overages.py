"""`meter overages`: the highest revision of each key, in a table, as JSON, or as sentences while it changes."""

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from meter.cli.overages import sentence, summary, table, take
from meter.errors import UserError
from meter.kafka.output_reader import Latest
from schemas.overages import Overage
from tests.test_command import meter


def overage(revision: int, over: int, workspace: str = "wksp_b", **fields: Any) -> Overage:
    """A record of `overages`: so much of 100 is over, at 1.5 each."""
    content: dict[str, Any] = {
        "account": "acct_1",
        "workspace": workspace,
        "item": "logs",
        "day": "2026-01-31",
        "revision": revision,
        "previous_revision": 0,
        "usage": 100,
        "covered": 100 - over,
        "overage": over,
        "delta": over,
        "basis": "package",
        "plans": ["o-1"],
        "charge": {"amount": f"{over * 3 // 2}.{over % 2 * 5}0", "currency": "CNY", "lines": []},
        "cause": {
            "kind": "usage",
            "workspaces": ["wksp_a"],
            "topic": "usage",
            "partition": 0,
            "first_offset": 0,
            "last_offset": 0,
        },
        "restated": False,
    }
    return Overage.model_validate(content | fields)


def taken(*records: Overage, account: str | None = None, day: str | None = None) -> Latest[Overage]:
    latest: Latest[Overage] = Latest()
    for record in records:
        take(latest, record.json_bytes(), (account, day))
    return latest


def test_the_highest_revision_of_a_key_counts_in_whatever_order_it_is_read() -> None:
    records = [overage(7, 50), overage(9, 10), overage(8, 30), overage(9, 10)]
    assert list(taken(*records).records.values()) == [records[1]]
    assert list(taken(*reversed(records)).records.values()) == [records[1]]


def test_only_news_is_reported() -> None:
    latest: Latest[Overage] = Latest()
    assert [
        take(latest, overage(*each).json_bytes(), (None, None)) is not None for each in ((7, 5), (7, 5), (6, 9))
    ] == [
        True,
        False,
        False,
    ]


def test_an_account_and_a_day_are_chosen() -> None:
    records = [overage(1, 5), overage(2, 5, account="acct_2"), overage(3, 5, day="2026-02-01")]
    assert {each.revision for each in taken(*records).records.values()} == {1, 2, 3}
    assert {each.revision for each in taken(*records, account="acct_1").records.values()} == {1, 3}
    assert {each.revision for each in taken(*records, account="acct_1", day="2026-02-01").records.values()} == {3}


def test_what_is_no_overage_is_reported() -> None:
    with pytest.raises(UserError, match="overages holds an invalid record"):
        take(Latest(), b'{"account":1}', (None, None))


def test_the_table_has_every_figure_in_full_and_what_they_cost() -> None:
    records = [overage(1, 50_000_000, usage=100_000_000, covered=50_000_000), overage(2, 3, "wksp_c")]
    text = StringIO()
    Console(file=text, width=120).print(table(records))
    (row,) = (line.split() for line in text.getvalue().splitlines() if "wksp_b" in line)
    assert row[4:] == ["100,000,000", "50,000,000", "50,000,000", "75000000.00", "CNY"]
    assert summary(records) == "2 figures, charges 75000004.50 CNY"
    assert summary(records[1:]) == "1 figure, charges 4.50 CNY"


def test_a_change_says_what_and_why() -> None:
    assert sentence(overage(7, 50)) == (
        "acct_1 2026-01-31 logs wksp_b: over 50 (+50) of 100, 75.00 CNY; usage of wksp_a, revision 7"
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--account", "a b"], "meter: an id must be 1 to 64 of"),
        (["--day", "tomorrow"], 'meter: a day must be a string such as "2026-01-31"'),
        ([], "meter: no Kafka answers at 127.0.0.1:1 "),
    ],
)
def test_trouble_is_one_sentence(arguments: list[str], expected: str) -> None:
    done = meter("overages", *arguments, METER_BROKER="127.0.0.1:1")
    assert done.returncode == 1
    assert done.stderr.startswith(expected)
    assert "Traceback" not in done.stderr
