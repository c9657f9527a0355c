"""The table of least safe versions, and what it says about versions that are used."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from packaging.version import Version

TABLE = Path(__file__).with_name("safe_versions.toml")
#: A jar's file: its artifact, then a version that begins with a digit.
JAR = re.compile(r"(?P<artifact>.+?)-(?P<version>[0-9][0-9A-Za-z.-]*)\.jar")


def table() -> dict[str, dict[str, list[str]]]:
    """Sections `python` and `jars`: least version and advisory of each name."""
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))


def exceptions() -> Mapping[str, str]:
    """The advisories that are accepted, each with its reason."""
    accepted: Mapping[str, str] = tomllib.loads(TABLE.read_text(encoding="utf-8"))["exceptions"]
    return accepted


def normal(name: str) -> str:
    """A Python project's name as the index writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked() -> dict[str, str]:
    """Name and version of each line of constraints.txt."""
    lines = (TABLE.parent.parent / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return {normal(line.split("==")[0]): line.split("==")[1] for line in lines if line and not line.startswith("#")}


def unsafe(section: str, used: Mapping[str, str]) -> list[str]:
    """A sentence for each used version below the least safe one."""
    least = table()[section]
    return [
        f"{name} {version} is below {least[name][0]}: {least[name][1]}"
        for name, version in used.items()
        if name in least and Version(version) < Version(least[name][0])
    ]
