"""docs/topics.md: every topic for people, from the same data as the AsyncAPI document."""

import json
from collections.abc import Iterator
from typing import Any

from meter.asyncapi.document import MESSAGES, document, message_names
from meter.asyncapi.topics import INPUTS, OUTPUTS, Described

INTRODUCTION = """\
# Topics

<!-- Written by `make docs` from the models and the settings that a worker enforces; tests/asyncapi compares. -->

Every topic: what is on it, how it is created, and which of its settings a worker insists on. For programs there are
[asyncapi.yaml](asyncapi.yaml) (AsyncAPI 3.1) and the [JSON Schemas](schemas). Names come behind `METER_TOPIC_PREFIX`.
Outputs are written in transactions: read them with `isolation.level=read_committed`.
"""
MILLISECONDS_A_DAY = 86_400_000


def page() -> Iterator[str]:
    """The page, line by line."""
    found = document()
    yield INTRODUCTION
    yield "| topic | key | written by | read by |"
    yield "|---|---|---|---|"
    for each in (*INPUTS, *OUTPUTS):
        yield f"| [{each.name}](#{_anchor(each.name)}) | {each.key} | {each.written_by} | {each.read_by} |"
    yield ""
    for each in (*INPUTS, *OUTPUTS):
        yield from _topic(each, found)
    yield "## Internal topics\n"
    yield "Written and read by the meter alone; their contents may change with any version.\n"
    yield "| topic | holds | partitions | settings |"
    yield "|---|---|---|---|"
    for name, described in found["x-internal-topics"].items():
        settings = ", ".join(_setting(key, value) for key, value in described["config"].items())
        yield f"| {name} | {described['summary']} | {described['partitions']} | {settings} |"


def _topic(each: Described, found: dict[str, Any]) -> Iterator[str]:
    channel = found["channels"][each.channel]
    binding = channel["bindings"]["kafka"]
    yield f"## {each.name}\n"
    yield f"{each.summary}\n"
    yield f"{each.reading}\n"
    schemas = ", ".join(f"[{MESSAGES[name]}](schemas/{name}.json)" for name in each.messages)
    yield f"- key: {each.key}\n- written by: {each.written_by}\n- read by: {each.read_by}\n- value: {schemas}"
    made = [f"{binding['partitions']} partitions" if binding.get("partitions", 1) != 1 else "1 partition"]
    yield f"- made with: {', '.join([*made, *(_setting(*each) for each in binding['topicConfiguration'].items())])}"
    enforced = ", ".join(channel["x-enforced"])
    yield f"- insisted on: {enforced or 'nothing; a difference is a warning in the log'}\n"
    for name in message_names(each):
        message = found["components"]["messages"][name]
        for example in message["examples"]:
            yield from _example(name, message, example)


def _example(name: str, message: dict[str, Any], example: dict[str, Any]) -> Iterator[str]:
    kind = "" if example["name"] in (name, "binary") else f" ({example['name']})"
    yield f"{message['title']}{kind}:\n"
    if "headers" in example:
        headers = "\n".join(f"{header}: {value}" for header, value in example["headers"].items())
        yield f"```text\n{headers}\n\n{json.dumps(example['payload'])}\n```\n"
    else:
        (schema,) = (schema for schema, model in MESSAGES.items() if model == name)
        yield f"```json {schema}\n{json.dumps(example['payload'], ensure_ascii=False, indent=1)}\n```\n"


def _setting(name: str, value: Any) -> str:
    """A setting as `kafka-configs.sh` takes it; times that are whole days in days too."""
    text = ",".join(value) if isinstance(value, list) else str(value)
    days = value / MILLISECONDS_A_DAY if name.endswith(".ms") and isinstance(value, int) and value > 0 else 0
    return f"`{name}={text}`" + (f" ({days:.0f} days)" if days >= 1 else "")


def _anchor(heading: str) -> str:
    return "".join(letter for letter in heading.lower() if letter.isalnum() or letter in "-_")
