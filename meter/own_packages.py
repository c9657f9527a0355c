"""Are `agents`, `tables` and `schemas` ours? Other distributions (PyTables, openai-agents) use the same names.

Asked before anything of them is imported, because the wrong one would fail far away from its cause, or not at all.
"""

import importlib.util
from pathlib import Path

from meter.errors import UserError

OURS = ("agents", "schemas", "tables")
ROOT = Path(__file__).resolve().parent.parent


def require_own_packages() -> None:
    """Stop with a clear sentence when one of our packages comes from elsewhere than `meter` itself."""
    for name in OURS:
        place = place_of(name)
        if place != ROOT / name:
            raise UserError(
                f"the package `{name}` must be the meter's own, beside {ROOT / 'meter'}; found: {place or 'none'}; "
                "another distribution has the same name: install the meter in an environment of its own"
            )


def place_of(name: str) -> Path | None:
    """The directory a package would be imported from; nothing of it is run."""
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).resolve().parent if spec and spec.origin else None
