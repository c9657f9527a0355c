"""`python -m tests.audit`: are there known holes in the versions of constraints.txt? The package index is asked.

pip-audit asks, in an environment of its own. A hole that tests/safe_versions.toml has no reason for fails; an index
that does not answer, or knows no advisories, fails nothing: it is said, and the table holds all the same.
"""

import json
import subprocess
import sys
import tempfile
import venv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.safe_versions import TABLE, exceptions, locked

#: The version that was tried; of its output only names, versions and ids are read.
TOOL = "pip-audit==2.10.1"
#: Making the environment, and asking, may take so long; then others have to pass.
SECONDS = 120.0
HOME = Path(sys.prefix) / "audit"


def judged(report: Mapping[str, Any], accepted: Mapping[str, str]) -> tuple[list[str], int, int]:
    """The holes that have no reason, and how many versions the index knew advisories of, of how many."""
    holes, asked = [], 0
    for found in report["dependencies"]:
        asked += "skip_reason" not in found
        for hole in found.get("vulns", ()):
            ids = {hole["id"], *hole.get("aliases", ())}
            if not ids & accepted.keys():
                mend = ", ".join(hole.get("fix_versions", ())) or "no version yet"
                holes.append(f"{found['name']} {found['version']}: {', '.join(sorted(ids))}; mended by {mend}")
    return holes, asked, len(report["dependencies"])


def report() -> Mapping[str, Any]:
    """What pip-audit says about constraints.txt; OSError, ValueError or a failed process where it cannot be had."""
    tool = HOME / "bin" / "pip-audit"
    if not tool.exists():
        venv.create(HOME, clear=True, with_pip=True)
        install = [str(HOME / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check", "install", TOOL]
        subprocess.run(install, check=True, timeout=SECONDS, capture_output=True)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as pinned:
        pinned.write("".join(f"{name}=={version}\n" for name, version in locked().items()))
        pinned.flush()
        ask = [str(tool), "--vulnerability-service", "pypi", "--requirement", pinned.name, "--no-deps", "--disable-pip"]
        ask += ["--format", "json", "--progress-spinner", "off", "--timeout", "10"]
        done = subprocess.run(ask, timeout=SECONDS, capture_output=True, text=True, check=False)
    if not done.stdout:
        raise ValueError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "it said nothing")
    answer: Mapping[str, Any] = json.loads(done.stdout)
    return answer


def main() -> int:
    """The exit code: 1 for a hole without a reason."""
    try:
        holes, asked, of = judged(report(), exceptions())
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        print(f"audit: the package index could not be asked ({error}); {TABLE.name} holds all the same")
        return 0
    for hole in holes:
        print(f"audit: {hole}; raise the bound, or give a reason in {TABLE.name}", file=sys.stderr)
    print(f"audit: {len(holes)} known holes; the index has advisories of {asked} of {of} versions")
    return 1 if holes else 0


if __name__ == "__main__":
    sys.exit(main())
