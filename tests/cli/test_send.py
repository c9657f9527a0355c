"""`meter send`: what it reads, and what it says of lines that cannot be sent; sending itself is end to end."""

import json
import time
from io import BytesIO
from pathlib import Path

import pytest

from agents.intake.line_check import LineCheck
from meter.cli.send import Checker, checked
from meter.commands.send import KINDS, Line, Problem, read_lines
from meter.errors import UserError
from meter.settings import Settings
from tests import records
from tests.test_command import meter

NOWHERE = {"METER_BROKER": "127.0.0.1:1"}
EVENT = records.usage("wksp_a", "logs", 5, time.time_ns() // 1_000, id="1")
BINDING = records.binding("wksp_a", "acct_1")
ORDER = records.top_up("acct_1", "t-1", "5.00")


def read(content: str, what: str = "usage", check: bool = False) -> list[Line | Problem]:
    found = LineCheck(Settings.load(), what) if check else None
    return list(read_lines(content.encode().splitlines(keepends=True), KINDS[what], found))


@pytest.mark.parametrize(
    ("what", "record", "key"),
    [("usage", EVENT, b"wksp_a"), ("workspaces", BINDING, b"wksp_a"), ("orders", ORDER, b"acct_1")],
)
def test_a_line_is_sent_unchanged_under_the_key_of_its_kind(what: str, record: object, key: bytes) -> None:
    line = json.dumps(record, indent=None)
    assert read(f"  {line} \r\n", what, check=True) == [Line(1, key, line.encode())]


def test_empty_lines_are_no_records_and_count_as_lines() -> None:
    assert read('\n{"subject":"a"}\n\n{"subject":"b"}') == [
        Line(2, b"a", b'{"subject":"a"}'),
        Line(4, b"b", b'{"subject":"b"}'),
    ]


def test_without_a_usable_key_a_record_goes_anywhere() -> None:
    assert read('{"subject":7}\n{}') == [Line(1, None, b'{"subject":7}'), Line(2, None, b"{}")]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("[1, 2]", "a record must be one JSON object, this is [1, 2]"),
        ('"text"', "a record must be one JSON object, this is 'text'"),
        ('{"subject":"a"', "a record must be one JSON object: EOF while parsing an object at column 14"),
        ("[" * 60_000, "a record must be one JSON object: recursion limit exceeded at column 202"),
        ('{"subject":NaN}', "a record must be one JSON object: expected value at column 12"),
    ],
    ids=["array", "text", "cut off", "deep", "nan"],
)
def test_what_is_no_json_object_is_reported_by_its_line(line: str, expected: str) -> None:
    (good, problem) = read('{"subject":"a"}\n' + line)
    assert isinstance(good, Line)
    assert problem == Problem(2, expected)


@pytest.mark.parametrize(
    ("what", "line", "expected"),
    [
        ("usage", {**EVENT, "specversion": "0.3"}, "not_a_cloud_event: specversion must be \"1.0\", not '0.3'"),
        (
            "usage",
            {**EVENT, "data": {"item": "logs", "quantity": "5"}},
            "invalid_field: data.quantity: Input should be a valid integer",
        ),
        ("usage", {**EVENT, "subject": None}, "invalid_field: subject: "),
        ("usage", {**EVENT, "type": "usage.guessed"}, "unknown_type: "),
        ("usage", {**EVENT, "time": "2999-01-01T00:00:00Z"}, "time_in_the_future: "),
        ("usage", {**EVENT, "time": "2020-01-01T00:00:00Z"}, "time_beyond_horizon: "),
        ("usage", {**EVENT, "data": {"item": "nope", "quantity": 5}}, "unknown_item: unknown item 'nope'"),
        (
            "usage",
            {**EVENT, "data": {"item": "logs", "quantity": 5, "retention_days": 8}},
            "unknown_retention: logs",
        ),
        ("usage", {**EVENT, "padding": "x" * 65_536}, "too_large: "),
        ("workspaces", {**BINDING, "tier": "gold"}, "invalid_field: tier: Input should be 'free' or 'commercial'"),
        ("orders", {**ORDER, "kind": "gift"}, "unknown_type: an order's kind is one of top_up, purchase"),
        ("orders", {**ORDER, "amount": "1e3"}, "invalid_field: amount: money must be a decimal string"),
    ],
)
def test_a_check_finds_whatever_would_be_a_dead_letter(what: str, line: object, expected: str) -> None:
    text = json.dumps(line)
    assert isinstance(read(text, what)[0], Line), "without a check any object is sent: the meter says what is wrong"
    (problem,) = read(text, what, check=True)
    assert isinstance(problem, Problem)
    assert problem.sentence.startswith(expected)


def test_nothing_is_sent_if_a_line_cannot_be(tmp_path: Path) -> None:
    file = tmp_path / "usage.jsonl"
    file.write_text('{"subject":"a"}\n' + "nonsense\n" * 30)
    done = meter("send", "usage", str(file), **NOWHERE)
    assert done.returncode == 1
    first, second, *rest = done.stderr.splitlines()
    assert first == f"meter: {file}: 30 lines cannot be sent, so nothing was:"
    assert second == "  line 2: a record must be one JSON object: expected ident at column 2"
    assert rest[-1] == "  and 10 more"
    assert len(rest) == 20


def test_a_check_reports_unknown_workspaces_beside_lines_of_a_wrong_form() -> None:
    lines = [EVENT, {**EVENT, "type": "usage.guessed"}, {**EVENT, "data": {"item": "nope", "quantity": 5}}]
    content = BytesIO("\n".join(map(json.dumps, lines)).encode())
    line, kind = LineCheck(Settings.load(), "usage"), KINDS["usage"]
    check = Checker(line, lambda: [Problem(number, "workspace_unknown: …") for number in line.named.values()])
    with pytest.raises(UserError) as refused:
        checked(content, "-", kind, check)
    first, *rest = str(refused.value).splitlines()
    assert first == "stdin: 3 lines cannot be sent, so nothing was:"
    assert [each.split(":")[:2] for each in rest] == [
        ["  line 1", " workspace_unknown"],
        ["  line 2", " unknown_type"],
        ["  line 3", " unknown_item"],
    ]


def test_lines_of_a_wrong_form_are_reported_also_where_no_broker_answers(tmp_path: Path) -> None:
    file = tmp_path / "usage.jsonl"
    file.write_text(f"{json.dumps(EVENT)}\n{{}}\n")
    done = meter("send", "--check", "usage", str(file), **NOWHERE)
    assert done.returncode == 1
    first, second, third = done.stderr.splitlines()
    assert first == f"meter: {file}: 1 line cannot be sent, so nothing was:"
    assert second.startswith("  line 2: not_a_cloud_event: ")
    assert third.startswith(
        "  whether the others' workspaces are known was not looked up: no Kafka answers at 127.0.0.1:1"
    )


def test_a_file_that_is_not_there_is_reported(tmp_path: Path) -> None:
    done = meter("send", "orders", str(tmp_path / "none"), **NOWHERE)
    assert done.returncode == 1
    assert done.stderr.startswith(f"meter: {tmp_path / 'none'} cannot be read: No such file or directory;")


def test_no_broker_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "usage.jsonl"
    file.write_text('{"subject":"a"}\n')
    done = meter("send", "usage", str(file), **NOWHERE)
    assert done.returncode == 1
    assert done.stderr.startswith("meter: no Kafka answers at 127.0.0.1:1 ")
    assert "Traceback" not in done.stderr
