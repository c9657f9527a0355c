"""JSON Schemas (2020-12) of all records and of the catalog, for programs that are not written in Python.

`python -m schemas.json_schema docs/schemas` writes them; a test says whether they are current.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from schemas.alerts import QuotaAlert
from schemas.balances import QuotaBalance
from schemas.budgets import Budget, BudgetAlert
from schemas.catalog_file import CatalogFile
from schemas.dead_letters import DeadLetter
from schemas.orders import ANY_ORDER
from schemas.outcomes import OrderOutcome
from schemas.overages import Overage
from schemas.plans import Plan
from schemas.statements import AccountStatement, WorkspaceStatement
from schemas.usage import UsageEvent
from schemas.wallets import Wallet
from schemas.workspaces import WorkspaceTier

#: json-schema-to-typescript turns lists of at most this many items into tuples.
SHORT_ITEMS = 20
DIALECT = "https://json-schema.org/draft/2020-12/schema"

#: What the meter reads: null in an optional field is absence.
INPUTS: Mapping[str, TypeAdapter[Any]] = {
    "usage": TypeAdapter(UsageEvent),
    "workspaces": TypeAdapter(WorkspaceTier),
    "plan-purchases": ANY_ORDER,
    "catalogue": TypeAdapter(CatalogFile),
}
#: What the meter writes: what does not apply is left out.
OUTPUTS: Mapping[str, TypeAdapter[Any]] = {
    "overages": TypeAdapter(Overage),
    "order-outcomes": TypeAdapter(OrderOutcome),
    "plans": TypeAdapter(Plan),
    "wallets": TypeAdapter(Wallet),
    "statements-account": TypeAdapter(AccountStatement),
    "statements-workspace": TypeAdapter(WorkspaceStatement),
    "quota-balances": TypeAdapter(QuotaBalance),
    "quota-alerts": TypeAdapter(QuotaAlert),
    "budgets": TypeAdapter(Budget),
    "budget-alerts": TypeAdapter(BudgetAlert),
    "dead-letters": TypeAdapter(DeadLetter),
}


class _Plain(GenerateJsonSchema):
    """pydantic's schema without what only OpenAPI knows and without a title for every field."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        union = super().tagged_union_schema(schema)
        union.pop("discriminator", None)
        return union

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """Of what has names for keys: the same in words that code generators know."""
        described = super().dict_schema(schema)
        patterns = described.pop("patternProperties", None)
        if patterns is not None:
            ((pattern, values),) = patterns.items()
            described |= {"propertyNames": {"pattern": pattern}, "additionalProperties": values}
        return described

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        described = super().default_schema(schema)
        if described.get("default", ...) is None:
            del described["default"]
        return described


class _Written(_Plain):
    """The same of a record that the meter writes: an optional field is left out, never null."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])


def schemas() -> dict[str, JsonSchemaValue]:
    """All schemas by name (`overages`, …)."""
    found = {name: _schema(name, adapter, _Plain) for name, adapter in INPUTS.items()}
    return found | {name: _schema(name, adapter, _Written) for name, adapter in OUTPUTS.items()}


def write_schemas(directory: Path) -> list[Path]:
    """Writes a file for each schema into `directory` and answers which."""
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for name, schema in schemas().items():
        path = directory / f"{name}.json"
        path.write_text(schema_text(schema), encoding="utf-8")
        written.append(path)
    return written


def schema_text(schema: JsonSchemaValue) -> str:
    """A schema as its file has it."""
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


def _schema(name: str, adapter: TypeAdapter[Any], generator: type[GenerateJsonSchema]) -> JsonSchemaValue:
    body = adapter.json_schema(schema_generator=generator)
    body.pop("title", None)
    _unbound_short_lists(body)
    return {"$schema": DIALECT, "$id": f"urn:usage-meter:{name}", "title": name, **body}


def _unbound_short_lists(node: Any) -> None:
    """Drop the bound of short lists, of which code generators make tuples. The meter refuses longer lists anyway."""
    if isinstance(node, dict):
        if node.get("type") == "array" and node.get("maxItems", SHORT_ITEMS + 1) <= SHORT_ITEMS:
            del node["maxItems"]
        for each in node.values():
            _unbound_short_lists(each)
    elif isinstance(node, list):
        for each in node:
            _unbound_short_lists(each)


def main() -> None:
    """Writes the schemas into the directory named on the command line."""
    for path in write_schemas(Path(sys.argv[1])):
        print(path)


if __name__ == "__main__":
    main()
