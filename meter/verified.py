"""The last result of `meter verify`, kept in the data directory for the worker's `/metrics`.

Only full runs are kept: one of a single account or day shows nothing about the rest.
"""

import json
from pathlib import Path

from meter.machine import private_files as private

FILE = "verified.json"
#: The metric while no result is kept, or its file cannot be read.
NEVER = -1


def keep(data_dir: Path, differences: int, sentence: str) -> None:
    """Write the result atomically."""
    private.directory(data_dir)
    private.write(data_dir / FILE, json.dumps({"differences": differences, "result": sentence}) + "\n")


def last_differences(data_dir: Path) -> int:
    """How many differences the last full run found; NEVER if there was none."""
    try:
        found = json.loads((data_dir / FILE).read_text(encoding="utf-8"))["differences"]
    except (OSError, ValueError, TypeError, KeyError):
        return NEVER
    return found if type(found) is int else NEVER
