"""Results kept as JSON lines: what was measured, of which commit, when, on how busy a machine."""

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


def note(path: Path | None, benchmark: str, **content: Any) -> dict[str, Any]:
    """Append one result; without a path it is only answered."""
    found = {
        "benchmark": benchmark,
        "at": time.strftime("%Y-%m-%dT%H:%M:%S"),
        "commit": commit(),
        "busy": round(os.getloadavg()[0], 2),
        **content,
    }
    if path is not None:
        with path.open("a") as file:
            file.write(json.dumps(found) + "\n")
    return found


def commit() -> str:
    """What stands checked out; empty outside a repository."""
    asked = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()
