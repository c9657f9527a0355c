"""Blocks of the documents hold: JSON has the form of its schema, excerpts are in their file, each reason is there."""

import configparser
import json
import re
from importlib.util import find_spec

import pytest
import yaml
from jsonschema import Draft202012Validator

from meter.settings import Settings, variable
from schemas.catalog import load_catalog
from schemas.reasons import DeadReason, Refusal
from tests.support.catalog_table import tables
from tests.support.documents import COMMANDS, DOCUMENTS, ROOT, SESSIONS, Block, blocks, is_run, matches, steps

BLOCKS = [block for path in DOCUMENTS for block in blocks(path)]
SCHEMAS = {path.stem for path in (ROOT / "docs/schemas").glob("*.json")}
RECORDS = [block for block in BLOCKS if block.language == "json" and block.words[:1] and block.words[0] in SCHEMAS]
EXCERPTS = [block for block in BLOCKS if block.words and "/" in block.words[0]]
SETTINGS = {variable(name) for name in Settings.model_fields}
#: A line of a log: its level, then its logger, which is a module's name or one that a command goes by.
LOGGED = re.compile(r" (?:INFO|WARNING|ERROR) ([\w.]+): ")
COMMANDS_LOGGERS = {"meter.worker", "meter.budgets", "meter.dashboard"}
#: `METER_PARTITIONS`; not `METER_SASL_…`, which stands for several.
VARIABLE = re.compile(r"\bMETER_[A-Z_]*[A-Z](?![A-Z_]*…)\b")
#: Of the tests, and what `meter settings` shows as wrong.
NOT_SETTINGS = {"METER_TEST_SEED", "METER_TEST_FLOOD", "METER_PORT"}
LETTERS = ROOT / "docs/dead-letters.md"
ACCOUNTS = ROOT / "docs/accounts.md"


def place(block: Block) -> str:
    """How a failure names a block."""
    return block.place


@pytest.mark.parametrize("block", RECORDS, ids=place)
def test_a_record_shown_has_the_form_of_its_schema(block: Block) -> None:
    schema = json.loads((ROOT / "docs/schemas" / f"{block.words[0]}.json").read_text(encoding="utf-8"))
    for value in map(json.loads, block.records):
        Draft202012Validator(schema).validate(value)
        assert set(value) <= set(schema.get("properties", value)), "a field that nobody reads"


def test_every_json_shown_names_its_schema() -> None:
    shown = [block for block in BLOCKS if block.language == "json" and block.path.parent.name == "docs"]
    old = ("spec.md", "commands.md")
    unnamed = [block.place for block in shown if not block.words and block.path.name not in old]
    assert unnamed == []
    assert len(RECORDS) >= 8


def test_every_session_is_typed_by_a_test_or_says_that_it_is_shown() -> None:
    sessions = [block for block in BLOCKS if is_run(block)]
    assert {block.path.name for block in sessions} == {COMMANDS, *SESSIONS}


def test_a_log_that_is_shown_names_loggers_that_there_are() -> None:
    logged = {name for block in BLOCKS for name in LOGGED.findall(block.text)}
    assert logged >= {"agents.worker", "meter.worker"}
    assert {name for name in logged - COMMANDS_LOGGERS if find_spec(name) is None} == set()


@pytest.mark.parametrize("block", EXCERPTS, ids=place)
def test_an_excerpt_is_in_its_file_word_for_word(block: Block) -> None:
    assert " ".join(block.text.split()) in " ".join((ROOT / block.words[0]).read_text(encoding="utf-8").split())


def test_what_operators_copy_is_readable_and_sets_what_there_is() -> None:
    text = (ROOT / "docs/operators.md").read_text(encoding="utf-8")
    (unit,) = (block.text for block in blocks(ROOT / "docs/operators.md") if block.language == "ini")
    (manifest,) = (block.text for block in blocks(ROOT / "docs/operators.md") if block.language == "yaml")
    service = configparser.ConfigParser(strict=False, interpolation=None)
    service.read_string(unit)
    assert service["Service"]["ExecStart"].endswith("/meter worker")
    assert yaml.safe_load(manifest)["kind"] == "StatefulSet"
    assert "containerPort: 6066" in manifest
    assert set(re.findall(r"METER_[A-Z_]+[A-Z]", text)) <= SETTINGS


def test_every_variable_that_a_document_names_is_a_setting() -> None:
    named = {name for path in DOCUMENTS for name in VARIABLE.findall(path.read_text(encoding="utf-8"))}
    assert named - SETTINGS - NOT_SETTINGS == set()


def sections(document: str) -> dict[str, str]:
    """The sections of the second level whose heading is a name in backticks."""
    found = re.split(r"^## ", document, flags=re.MULTILINE)[1:]
    return {match.group(1): part for part in found if (match := re.match(r"`(\w+)`\n", part))}


def test_every_reason_of_a_dead_letter_has_meaning_example_and_mend() -> None:
    found = sections(LETTERS.read_text(encoding="utf-8"))
    assert list(found) == list(DeadReason), "a section for each reason of schemas/reasons.py, in its order"
    assert [reason for reason, text in found.items() if "**Mend.**" not in text] == []
    examples = {reason for reason, text in found.items() if re.search(r"^```\w+ dead ", text, re.MULTILINE)}
    assert set(DeadReason) - examples == {DeadReason.RECORDS_LOST}, "it is of no record that anybody sends"


def test_every_example_of_a_dead_letter_says_its_sentence() -> None:
    dead = [block for block in BLOCKS if block.words[:1] == ("dead",)]
    assert [block.place for block in dead if len(block.quoted) != len(block.records)] == []


def test_every_refusal_is_explained_in_its_order() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", ACCOUNTS.read_text(encoding="utf-8").partition("## Refusals")[2], re.MULTILINE)
    assert rows == list(Refusal), "a row for each reason of schemas/reasons.py, in its order"


def test_the_shipped_catalog_is_shown_as_it_is() -> None:
    assert f"\n\n{tables(load_catalog())}\n\n" in (ROOT / "docs/catalog.md").read_text(encoding="utf-8")


def test_blocks_are_read_as_a_reader_does() -> None:
    (block,) = (block for block in blocks(LETTERS) if block.words == ("dead", "usage.wksp_a"))
    assert block.quoted == ("the topic is that of workspace wksp_a, the subject is 'wksp_b'",)
    first, *_ = steps(ROOT / "docs/producers.md")
    assert first.command.endswith('"tier":"commercial"}\nEND')
    assert first.expected == "1 record sent to workspaces, every one acknowledged"


@pytest.mark.parametrize(("expected", "fits"), [("a  \nbc\nd", True), ("a\nd", False), ("a\nbc\nd\ne", False)])
def test_an_output_is_compared_with_what_a_document_shows(expected: str, fits: bool) -> None:
    assert matches("a\nb…d\n", expected) is fits
