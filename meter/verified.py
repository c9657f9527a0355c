"""The last result of `meter verify`, kept in the data directory, where the worker's `/metrics` finds it.

Only whole runs are kept: one that looked at a single account or day says nothing of the rest.
"""

import json
from pathlib import Path

from meter.machine import private_files as private

FILE = "verified.json"
#: The metric of a data directory where nobody has verified yet, or whose file cannot be read.
NEVER = -1


def keep(data_dir: Path, differences: int, sentence: str) -> None:
    """Write the result down, whole or not at all."""
    private.directory(data_dir)
    private.write(data_dir / FILE, json.dumps({"differences": differences, "result": sentence}) + "\n")


def last_differences(data_dir: Path) -> int:
    """How many differences the last whole run found; NEVER if there was none."""
    try:
        found = json.loads((data_dir / FILE).read_text(encoding="utf-8"))["differences"]
    except (OSError, ValueError, TypeError, KeyError):
        return NEVER
    return found if type(found) is int else NEVER
