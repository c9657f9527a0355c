"""The JSON Schemas in docs/schemas are those of the models, and describe every field with an example."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas.json_schema import DIALECT, INPUTS, OUTPUTS, schema_text, schemas, write_schemas

COMMITTED = Path(__file__).parents[2] / "docs" / "schemas"
SCHEMAS = schemas()
#: json-schema-to-typescript writes a list of at most so many as a tuple of each length.
UNROLLED = 20


def test_the_committed_files_are_current() -> None:
    """If not: python -m schemas.json_schema docs/schemas."""
    committed = {path.stem: path.read_text(encoding="utf-8") for path in COMMITTED.glob("*.json")}
    assert committed == {name: schema_text(schema) for name, schema in SCHEMAS.items()}


def test_files_are_written(tmp_path: Path) -> None:
    written = write_schemas(tmp_path / "new")
    assert sorted(path.stem for path in written) == sorted(SCHEMAS)


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_says_what_it_is(name: str) -> None:
    schema = SCHEMAS[name]
    assert schema["$schema"] == DIALECT
    assert schema["$id"] == f"urn:usage-meter:{name}"
    assert schema["title"] == name


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_field_has_a_description_and_an_example_or_parts(name: str) -> None:
    for place, field in _fields(SCHEMAS[name]):
        assert field.get("description"), place
        assert field.get("examples") or "$ref" in str(field), place


@pytest.mark.parametrize("name", OUTPUTS)
def test_what_is_published_is_never_null(name: str) -> None:
    assert "'null'" not in str(SCHEMAS[name])


@pytest.mark.parametrize("name", [name for name in INPUTS if name != "catalogue"])
def test_unknown_fields_of_inputs_are_allowed(name: str) -> None:
    assert "additionalProperties" not in str(SCHEMAS[name])


@pytest.mark.parametrize("name", SCHEMAS)
def test_code_generators_keep_every_type_and_list(name: str) -> None:
    """quicktype lost objects without a name of their own, json-schema-to-typescript wrote short lists as tuples."""
    for place, part in _parts(SCHEMAS[name], name):
        assert "properties" not in part, f"{place} is an object without a name"
        assert part.get("maxItems", UNROLLED + 1) > UNROLLED, place


def _parts(node: Any, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Everything below the named types of a schema."""
    if isinstance(node, list):
        for each in node:
            yield from _parts(each, place)
        return
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        named = value.items() if key in ("$defs", "properties") else ()
        for name, part in named:
            if key == "properties":
                yield f"{place}.{name}", part
            yield from _parts(part, f"{place}.{name}")
        if key in ("items", "additionalProperties") and isinstance(value, dict):
            yield f"{place}.{key}", value
        if not named and key not in ("examples", "default", "const", "enum"):
            yield from _parts(value, place)


def _fields(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for model in [schema, *schema.get("$defs", {}).values()]:
        for name, field in model.get("properties", {}).items():
            yield f"{model.get('title')}.{name}", field
