"""Checks that `agents`, `tables` and `schemas` are the meter's own: PyTables and openai-agents use the same names.

Called before anything of them is imported, because a wrong package would fail far from the cause, or not at all.
"""

import importlib.util
from pathlib import Path

from meter.errors import UserError

OURS = ("agents", "schemas", "tables")
ROOT = Path(__file__).resolve().parent.parent


def require_own_packages() -> None:
    """UserError if one of the packages does not come from beside `meter`."""
    for name in OURS:
        place = place_of(name)
        if place != ROOT / name:
            raise UserError(
                f"the package `{name}` must be the meter's own, beside {ROOT / 'meter'}; found: {place or 'none'}; "
                "another distribution has the same name: install the meter in an environment of its own"
            )


def place_of(name: str) -> Path | None:
    """The directory from which a package would be imported, without importing it."""
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).resolve().parent if spec and spec.origin else None
