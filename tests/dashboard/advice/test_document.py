"""docs/advise.md names every field of the JSON of advice and simulations."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.dashboard.page_cases import sample
from tests.dashboard.test_pages import BY_NAME
from tests.support.documents import ROOT

DOCUMENT = (ROOT / "docs/advise.md").read_text(encoding="utf-8").partition("\n## JSON\n")[2]
#: Fields whose own fields are names: of days, items, options.
NAMES = (*BY_NAME, "left_out", "discounts", "simulate")


def fields(value: Any) -> Iterator[str]:
    """Every field of a model, however deep."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield name
            if name not in NAMES:
                yield from fields(each)
    elif isinstance(value, list):
        for each in value:
            yield from fields(each)


@pytest.mark.parametrize(
    "name", sorted({name for kind in ("advise", "simulate") for name in fields(sample(kind)["answer"])})
)
def test_every_field_is_documented(name: str) -> None:
    assert f"`{name}`" in DOCUMENT
