"""Fetches the files of the pages that are not ours again, as their manifest names them: `make vendor`, with npm.

A version in `manifest.json` that is changed by hand first gets its new sizes and hashes here; a version that is not
changed must come out the same.
"""

import base64
import hashlib
import json
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

STATIC = Path(__file__).parent.parent / "meter/dashboard/pages/static"
MANIFEST = STATIC / "manifest.json"


def integrity(content: bytes) -> str:
    """The hash of a file as browsers write it."""
    return f"sha384-{base64.b64encode(hashlib.sha384(content).digest()).decode()}"


def listed() -> list[dict[str, Any]]:
    """What the manifest says of each file."""
    found: list[dict[str, Any]] = json.loads(MANIFEST.read_text(encoding="utf-8"))["files"]
    return found


def fetched(package: str, version: str, directory: Path) -> tarfile.TarFile:
    """The package of the npm registry."""
    packed = ["npm", "pack", "--silent", f"{package}@{version}"]
    name = subprocess.run(packed, cwd=directory, check=True, capture_output=True, text=True).stdout.split()[-1]
    return tarfile.open(directory / name)


def main() -> None:
    """Fetch, compare, write."""
    files = listed()
    with tempfile.TemporaryDirectory() as directory:
        for entry in files:
            with fetched(entry["package"], entry["version"], Path(directory)) as package:
                member = package.extractfile(f"package/{entry['path']}")
                assert member is not None, f"{entry['package']} {entry['version']} has no {entry['path']}"
                content = member.read()
            if integrity(content) != entry["integrity"]:
                print(f"{entry['file']}: {integrity(content)}, the manifest says {entry['integrity']}")
            entry["integrity"], entry["bytes"] = integrity(content), len(content)
            (STATIC / entry["file"]).write_bytes(content)
    about = json.loads(MANIFEST.read_text(encoding="utf-8"))["about"]
    MANIFEST.write_text(json.dumps({"about": about, "files": files}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
