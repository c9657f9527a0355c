"""docs/dashboard.md names every table of the file and every field of the JSON."""

import re
from pathlib import Path

import msgspec
import pytest

from meter.dashboard import account_models, models, operations_models
from meter.dashboard.resend import Attempt
from meter.dashboard.store import schema

DOCUMENT = Path("docs/dashboard.md").read_text(encoding="utf-8")
MODULES = (models, account_models, operations_models)
EVERY = sorted(
    {
        name
        for module in MODULES
        for found in vars(module).values()
        if isinstance(found, type) and issubclass(found, models.Model)
        if found.__name__ not in ("SignIn", "ExplainPage", "DocsPage")
        for name in (field.name for field in msgspec.structs.fields(found))
    }
    | set(Attempt.__dataclass_fields__)
)


@pytest.mark.parametrize("field", EVERY)
def test_every_field_is_documented(field: str) -> None:
    assert f"`{field}`" in DOCUMENT


def test_every_table_is_documented() -> None:
    tables = re.findall(r"^CREATE TABLE (\w+)", schema(), re.MULTILINE)
    assert re.findall(r"^\| `(\w+)` \| ", DOCUMENT.partition("## Your SQL")[2], re.MULTILINE) == tables
