"""The AsyncAPI 3.1 document: every topic with the settings that a worker enforces, every record with its schema.

Schemas and examples are those of the models, settings those of `meter.kafka.topics`. The dialect is the part that
AsyncAPI's own (draft 07) and JSON Schema 2020-12 have in common.
"""

from typing import Any

from meter.asyncapi.examples import Schema, example_of
from meter.asyncapi.topics import INPUTS, INTERNAL, OUTPUTS, Described
from meter.budgets.topics import budget_specs
from meter.kafka.topics import TopicSpec, own_spec, wanted_topics
from meter.settings import Settings
from meter.version import version
from schemas.json_schema import schemas

KAFKA_BINDING = "0.5.0"
#: After the trait `cloudevents-headers-kafka-binary.yaml` of the CloudEvents specification (Apache-2.0).
CE_HEADERS = {
    "ce_specversion": ("1.0", "Always 1.0; its presence says that the record is in binary mode."),
    "ce_id": ("7c1e2f", "1 to 256 characters; with source and workspace the event's identity."),
    "ce_source": ("datakit/host-1", "1 to 256 characters: who reports."),
    "ce_type": ("usage.recorded", "usage.recorded, or usage.corrected on the shared topic."),
    "ce_time": ("2026-01-31T08:00:00Z", "When it was used; decides the billing day."),
    "ce_subject": ("wksp_a", "The workspace; on its own topic it may be left out."),
    "content-type": ("application/json", "Of the value; beginning application/cloudevents it is structured mode."),
}
MESSAGES = {
    "usage": "UsageEvent",
    "workspaces": "WorkspaceTier",
    "plan-purchases": "Order",
    "overages": "Overage",
    "order-outcomes": "OrderOutcome",
    "plans": "Plan",
    "wallets": "Wallet",
    "statements-account": "AccountStatement",
    "statements-workspace": "WorkspaceStatement",
    "quota-balances": "QuotaBalance",
    "quota-alerts": "QuotaAlert",
    "dead-letters": "DeadLetter",
    "budgets": "Budget",
    "budget-alerts": "BudgetAlert",
}
BINARY = "UsageEventBinary"


def document() -> dict[str, Any]:
    """The document."""
    settings = Settings.model_construct()
    specs = {spec.name: spec for spec in (*wanted_topics(settings), *budget_specs(settings, settings.partitions))}
    specs["usage.{workspace}"] = own_spec("usage.{workspace}")
    return {
        "asyncapi": "3.1.0",
        "id": "urn:usage-meter",
        "info": _info(),
        "defaultContentType": "application/json",
        "channels": {each.channel: _channel(each, specs[each.name]) for each in (*INPUTS, *OUTPUTS)},
        "operations": dict(map(_operation, (*INPUTS, *OUTPUTS))),
        "components": components(),
        "x-internal-topics": {
            name: {"summary": summary, "partitions": specs[name].partitions, "config": _config(specs[name])}
            for name, summary in INTERNAL.items()
        },
    }


def _info() -> dict[str, Any]:
    return {
        "title": "usage-meter",
        "version": version(),
        "description": (
            "Usage of workspaces, plans and orders in; overages, statements, balances and alerts out. Operations are "
            "the meter's: where it receives, you send. All names stand behind METER_TOPIC_PREFIX. Outputs are written "
            "in transactions: read them with isolation.level=read_committed. The partition of an output record is that "
            "of its account by Kafka's default partitioner."
        ),
        "license": {"name": "Apache-2.0"},
    }


def _channel(each: Described, spec: TopicSpec) -> dict[str, Any]:
    topic: dict[str, Any] = {"partitions": spec.partitions, "topicConfiguration": _config(spec)}
    channel: dict[str, Any] = {
        "address": each.name,
        "title": each.name,
        "summary": each.summary,
        "description": each.reading,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in message_names(each)},
        "bindings": {"kafka": {**topic, "bindingVersion": KAFKA_BINDING}},
        "x-key": each.key,
        "x-written-by": each.written_by,
        "x-read-by": each.read_by,
        "x-enforced": sorted(spec.needs) + (["partitions"] if spec.exact_partitions else []),
    }
    if "{" in each.name:
        channel["parameters"] = {"workspace": {"description": "The id of the workspace.", "examples": ["wksp_a"]}}
        del channel["bindings"]["kafka"]["partitions"]
    return channel


def _operation(each: Described) -> tuple[str, dict[str, Any]]:
    action = "receive" if each.received else "send"
    name = f"{action}{each.channel[0].upper()}{each.channel[1:]}"
    return name, {
        "action": action,
        "channel": {"$ref": f"#/channels/{each.channel}"},
        "title": f"the meter {'reads' if each.received else 'writes'} {each.name}",
        "messages": [{"$ref": f"#/channels/{each.channel}/messages/{name}"} for name in message_names(each)],
    }


def message_names(each: Described) -> list[str]:
    """The messages of a topic by name; usage comes in two modes."""
    names = [MESSAGES[name] for name in each.messages]
    return [*names, BINARY] if names == ["UsageEvent"] else names


def _config(spec: TopicSpec) -> dict[str, Any]:
    """A topic's settings as the binding writes them: a list of policies, numbers."""
    found: dict[str, Any] = {}
    for name, value in spec.config.items():
        number = value.removeprefix("-").isdecimal()
        found[name] = value.split(",") if name == "cleanup.policy" else int(value) if number else value
    return found


def components() -> dict[str, Any]:
    """Messages, their schemas by the names of the models, and the headers of binary mode."""
    named: dict[str, Schema] = {}
    for topic, name in MESSAGES.items():
        schema = dict(schemas()[topic])
        for inner, described in schema.pop("$defs", {}).items():
            _put(named, inner, described)
        _put(named, name, {**{key: value for key, value in schema.items() if not key.startswith("$")}, "title": name})
    messages = {name: _message(name, topic, named) for topic, name in MESSAGES.items()}
    messages[BINARY] = _binary(named)
    return {"messages": messages, "schemas": named, "messageTraits": {"cloudEventsBinaryHeaders": _trait()}}


def _put(named: dict[str, Schema], name: str, schema: Schema) -> None:
    schema = _referring(schema)
    assert named.get(name, schema) == schema, f"two schemas are named {name}"
    named[name] = schema


def _referring(schema: Any) -> Any:
    """A schema whose references lead to the document's components."""
    if isinstance(schema, dict):
        return {
            key: value.replace("#/$defs/", "#/components/schemas/") if key == "$ref" else _referring(value)
            for key, value in schema.items()
        }
    return [_referring(each) for each in schema] if isinstance(schema, list) else schema


def _message(name: str, topic: str, named: dict[str, Schema]) -> dict[str, Any]:
    each = next(each for each in (*INPUTS, *OUTPUTS) if topic in each.messages)
    kinds = named[name].get("oneOf", ()) if "properties" not in named[name] else ()
    whole = [(kind["$ref"].rpartition("/")[2], kind) for kind in kinds] or [(name, named[name])]
    return {
        "name": name,
        "title": name,
        "summary": named[name].get("description", each.summary),
        "contentType": "application/cloudevents+json" if name == "UsageEvent" else "application/json",
        "payload": {"$ref": f"#/components/schemas/{name}"},
        "bindings": _key(each),
        "examples": [{"name": kind, "payload": example_of(schema, named)} for kind, schema in whole],
    }


def _binary(named: dict[str, Schema]) -> dict[str, Any]:
    return {
        "name": BINARY,
        "title": "UsageEvent in binary mode",
        "summary": "The attributes are headers, the value is the data.",
        "contentType": "application/json",
        "traits": [{"$ref": "#/components/messageTraits/cloudEventsBinaryHeaders"}],
        "payload": {"$ref": "#/components/schemas/Quantity"},
        "bindings": _key(INPUTS[0]),
        "examples": [
            {
                "name": "binary",
                "headers": {name: value for name, (value, _) in CE_HEADERS.items()},
                "payload": example_of(named["Quantity"], named),
            }
        ],
    }


def _key(each: Described) -> dict[str, Any]:
    key = {"type": "string", "description": each.key}
    return {"kafka": {"key": key, "bindingVersion": KAFKA_BINDING}}


def _trait() -> dict[str, Any]:
    needed = ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time"]
    fields = {name: {"type": "string", "description": text} for name, (_, text) in CE_HEADERS.items()}
    fields["ce_specversion"]["const"] = "1.0"
    fields["ce_time"]["format"] = "date-time"
    return {
        "summary": "CloudEvents 1.0 in binary mode over Kafka: each attribute is a header, its value UTF-8.",
        "headers": {"type": "object", "properties": fields, "required": needed},
    }
