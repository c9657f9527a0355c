"""An example of a record, put together from the examples that its fields give."""

from typing import Any

Schema = dict[str, Any]

#: Fields that say nothing in an ordinary record, by the title of their schema.
LEFT_OUT = {
    "Budget": {"workspace", "item", "units", "forecast"},
    "Cause": {"orders", "more"},
    "OrderOutcome": {"reason", "error"},
    "Plan": {"more_packages", "more_lists"},
    "QuotaBalance": {"more"},
    "DeadLetter": {
        *("last_offset", "records", "reasons", "ranges", "key_length", "length", "sha256", "headers_left_out"),
        "rebuilt",
    },
}
_SHARES = (("cash", None, "53392.00"), ("prepaid_card", "card-9", "1500.00"), ("coupon", "cpn-3", "500.00"))
_PAYMENTS = [
    {"method": method, **({} if instrument is None else {"instrument": instrument}), "amount": amount}
    for method, instrument, amount in _SHARES
]
#: Where the examples of single fields would not add up: SPEC's own, W6 and the purchase of §8.
TOGETHER: dict[str, Schema] = {
    "TopUp": {"order_id": "t-1"},
    "Purchase": {"payments": _PAYMENTS},
    "AddTraffic": {"order_id": "o-2", "payments": [{"method": "cash", "amount": "13392.00"}]},
    "Upgrade": {"order_id": "o-3", "payments": [{"method": "cash", "amount": "238000.00"}]},
    "ChangeWorkspaces": {"order_id": "o-4", "payments": []},
    "OrderOutcome": {"payments": _PAYMENTS, "price": "55392.00"},
    "ItemDay": {
        "charge": {
            "amount": "15.00",
            "currency": "CNY",
            "lines": [
                {"retention_days": 14, "quantity": 10_000_000, "units": "10.00", "unit_price": "1.5", "amount": "15.00"}
            ],
        }
    },
}


def example_of(schema: Schema, definitions: dict[str, Schema]) -> Any:
    """A value of a schema: the example that it gives, or one of its parts; `definitions` by their names.

    Raises LookupError for a schema that gives neither.
    """
    if "examples" in schema:
        return schema["examples"][0]
    for word in ("const", "default"):
        if word in schema:
            return schema[word]
    if "$ref" in schema:
        return example_of(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "enum" in schema:
        return schema["enum"][0]
    for word in ("anyOf", "oneOf"):
        if word in schema and "properties" not in schema:
            return example_of(schema[word][0], definitions)
    if schema.get("type") == "array":
        return [example_of(schema["items"], definitions)]
    if "properties" in schema:
        return _object(schema, definitions)
    raise LookupError(f"no example in {schema}")


def _object(schema: Schema, definitions: dict[str, Schema]) -> Schema:
    """Every field that has to be there, and every other one that may be beside it."""
    ways = [way["required"] for way in schema.get("oneOf", ())]
    excluded = {name for way in ways[1:] for name in way} - set(ways[0] if ways else ())
    title = schema.get("title", "")
    excluded |= LEFT_OUT.get(title, set())
    given = TOGETHER.get(title, {})
    return {
        name: given[name] if name in given else example_of(field, definitions)
        for name, field in schema["properties"].items()
        if name not in excluded
    }
