"""The AsyncAPI document: official, current, complete, and its examples are records that the meter takes or writes."""

import copy
import json
from functools import cache
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
from tests.asyncapi.write import TOPICS, YAML, files

OFFICIAL = json.loads((Path(__file__).parent / "asyncapi-3.1.0.json").read_text(encoding="utf-8"))
MODELS: dict[str, TypeAdapter[Any]] = {
    MESSAGES[name]: each for name, each in {**INPUT_MODELS, **OUTPUT_MODELS}.items() if name in MESSAGES
}
MODELS[BINARY] = TypeAdapter(Quantity)
#: Made once, and by whoever runs these tests alone: it takes longer than reading all test files.
whole, written = cache(document), cache(files)


def test_it_is_one_by_the_official_schema() -> None:
    jsonschema.Draft7Validator(OFFICIAL).validate(whole())


def test_the_official_schema_refuses_what_is_none() -> None:
    broken = copy.deepcopy(whole())
    broken["channels"]["usage"]["bindings"]["kafka"]["partitions"] = "four"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(OFFICIAL).validate(broken)


@pytest.mark.parametrize("path", [YAML, TOPICS], ids=lambda path: path.name)
def test_what_is_committed_is_what_is_made(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == written()[path], "run `make docs`"


def test_every_file_that_is_made_is_compared() -> None:
    assert set(written()) == {YAML, TOPICS}


def test_the_file_says_the_same_as_the_document() -> None:
    assert yaml.safe_load(YAML.read_text(encoding="utf-8")) == whole()


def test_every_topic_is_in_it_with_the_settings_that_a_worker_wants() -> None:
    settings = Settings.model_construct()
    wanted = (*wanted_topics(settings), *budget_specs(settings, settings.partitions), own_spec("usage.{workspace}"))
    specs = {spec.name: spec for spec in wanted}
    channels = {channel["address"]: channel for channel in whole()["channels"].values()}
    assert set(channels) | set(INTERNAL) == set(specs)
    for name, channel in channels.items():
        found = channel["bindings"]["kafka"]["topicConfiguration"]
        plain = {key: ",".join(value) if isinstance(value, list) else str(value) for key, value in found.items()}
        assert plain == specs[name].config
        assert set(specs[name].needs) <= set(channel["x-enforced"])
        assert channel["x-written-by"]
        assert channel["x-read-by"]
        assert channel["x-key"]


def test_every_message_has_a_model() -> None:
    assert set(whole()["components"]["messages"]) == set(MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_examples_are_valid_by_their_schema_and_by_the_model(name: str) -> None:
    components = whole()["components"]
    message = components["messages"][name]
    schema = {**message["payload"], "components": components}
    headers = components["messageTraits"]["cloudEventsBinaryHeaders"]["headers"]
    assert message["examples"]
    for example in message["examples"]:
        jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker()).validate(example["payload"])
        MODELS[name].validate_json(json.dumps(example["payload"]))
        if "headers" in example:
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

    walk(whole())
    for reference in found:
        node: Any = whole()
        for part in reference.removeprefix("#/").split("/"):
            node = node[part.replace("~1", "/")]
    schemas = {f"#/components/schemas/{name}" for name in whole()["components"]["schemas"]}
    assert schemas - found == set()


def test_the_meter_receives_inputs_and_sends_outputs() -> None:
    actions = {operation["channel"]["$ref"]: operation["action"] for operation in whole()["operations"].values()}
    assert actions == {
        **{f"#/channels/{each.channel}": "receive" for each in INPUTS},
        **{f"#/channels/{each.channel}": "send" for each in OUTPUTS},
    }
