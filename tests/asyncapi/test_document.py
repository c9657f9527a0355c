"""The AsyncAPI document: official, current, complete, and its examples are records that the meter takes or writes."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import TypeAdapter

from meter.asyncapi.document import BINARY, MESSAGES, document
from meter.asyncapi.topics import INPUTS, INTERNAL, OUTPUTS
from meter.budgets.topics import budget_specs
from meter.kafka.topics import own_spec, wanted_topics
from meter.settings import Settings
from schemas.json_schema import INPUTS as INPUT_MODELS
from schemas.json_schema import OUTPUTS as OUTPUT_MODELS
from schemas.usage import Quantity
from tests.asyncapi.write import files

DOCUMENT = document()
OFFICIAL = json.loads((Path(__file__).parent / "asyncapi-3.1.0.json").read_text(encoding="utf-8"))
MODELS: dict[str, TypeAdapter[Any]] = {
    MESSAGES[name]: each for name, each in {**INPUT_MODELS, **OUTPUT_MODELS}.items() if name in MESSAGES
}
MODELS[BINARY] = TypeAdapter(Quantity)
EXAMPLES = [
    (name, example) for name, message in DOCUMENT["components"]["messages"].items() for example in message["examples"]
]
NAMES = [f"{name} {example['name']}" for name, example in EXAMPLES]


def test_it_is_one_by_the_official_schema() -> None:
    jsonschema.Draft7Validator(OFFICIAL).validate(DOCUMENT)


def test_the_official_schema_refuses_what_is_none() -> None:
    broken = document()
    broken["channels"]["usage"]["bindings"]["kafka"]["partitions"] = "four"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(OFFICIAL).validate(broken)


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_what_is_committed_is_what_is_made(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == files()[path], "run `make docs`"


def test_the_file_says_the_same_as_the_document() -> None:
    (path,) = (path for path in files() if path.suffix == ".yaml")
    assert yaml.safe_load(path.read_text(encoding="utf-8")) == DOCUMENT


def test_every_topic_is_in_it_with_the_settings_that_a_worker_wants() -> None:
    settings = Settings.model_construct()
    wanted = (*wanted_topics(settings), *budget_specs(settings, settings.partitions), own_spec("usage.{workspace}"))
    specs = {spec.name: spec for spec in wanted}
    channels = {channel["address"]: channel for channel in DOCUMENT["channels"].values()}
    assert set(channels) | set(INTERNAL) == set(specs)
    for name, channel in channels.items():
        found = channel["bindings"]["kafka"]["topicConfiguration"]
        plain = {key: ",".join(value) if isinstance(value, list) else str(value) for key, value in found.items()}
        assert plain == specs[name].config
        assert set(specs[name].needs) <= set(channel["x-enforced"])
        assert channel["x-written-by"]
        assert channel["x-read-by"]
        assert channel["x-key"]


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=NAMES)
def test_an_example_is_valid_by_its_schema_and_by_the_model(name: str, example: dict[str, Any]) -> None:
    message = DOCUMENT["components"]["messages"][name]
    schema = {**message["payload"], "components": DOCUMENT["components"]}
    jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker()).validate(example["payload"])
    MODELS[name].validate_json(json.dumps(example["payload"]))
    if "headers" in example:
        headers = DOCUMENT["components"]["messageTraits"]["cloudEventsBinaryHeaders"]["headers"]
        jsonschema.Draft7Validator(headers).validate(example["headers"])


def test_every_reference_leads_somewhere_and_nothing_is_left_over() -> None:
    found: set[str] = set()

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            found.update(value for key, value in node.items() if key == "$ref")
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(DOCUMENT)
    for reference in found:
        node: Any = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            node = node[part.replace("~1", "/")]
    schemas = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    assert schemas - found == set()


def test_the_meter_receives_inputs_and_sends_outputs() -> None:
    actions = {operation["channel"]["$ref"]: operation["action"] for operation in DOCUMENT["operations"].values()}
    assert actions == {
        **{f"#/channels/{each.channel}": "receive" for each in INPUTS},
        **{f"#/channels/{each.channel}": "send" for each in OUTPUTS},
    }
