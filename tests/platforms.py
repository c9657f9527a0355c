"""`make platforms`: can everything of constraints.txt be installed on each Python and machine that the project names?

The package index is asked whether each locked version that a worker needs has a wheel there. What has none must be
among those that our documented set-up builds from source (`BUILD_TOOLS` of the Makefile). Exit code 1 with a line for
each that can be had in neither way.
"""

import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PYTHONS = ("3.11", "3.12", "3.13")
#: The machines, and which wheels theirs takes.
MACHINES = {
    "Linux x86-64": ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"),
    "Linux arm64": ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"),
    "macOS arm64": ("macosx_14_0_arm64", "macosx_11_0_arm64", "macosx_10_9_universal2"),
}
#: Built from source where there is no wheel: without a compiler too, as plain Python.
FROM_SOURCE = {"faust-streaming"}


def locked() -> dict[str, str]:
    """Every name of constraints.txt with its version."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return {canonical(line.partition("==")[0]): line.partition("==")[2] for line in lines if not line.startswith("#")}


def canonical(name: str) -> str:
    """A name as the index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def needed(python: str, system: str) -> set[str]:
    """What a worker needs on this Python and system: its dependencies, and theirs."""
    marks = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": system}

    def wanted(lines: Iterable[str], extras: Iterable[str] = ()) -> list[Requirement]:
        each = [{**marks, "extra": extra} for extra in ("", *extras)]
        found = map(Requirement, lines)
        return [one for one in found if one.marker is None or any(one.marker.evaluate(mark) for mark in each)]

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    done: dict[str, set[str]] = {}
    todo = wanted(project["dependencies"])
    while todo:
        one = todo.pop()
        name = canonical(one.name)
        if name in done and one.extras <= done[name]:
            continue
        done[name] = done.get(name, set()) | one.extras
        try:
            todo += wanted(requires(one.name) or (), one.extras)
        except PackageNotFoundError:  # of another Python or system only: it is asked for, and not what it needs
            continue
    return set(done)


def without_wheel(python: str, machine: str) -> list[str]:
    """The needed packages whose locked version has no wheel there."""
    versions = locked()
    system = "darwin" if machine.startswith("macOS") else "linux"
    wanted = sorted(f"{name}=={versions[name]}" for name in needed(python, system) - FROM_SOURCE)
    platforms = [argument for tag in MACHINES[machine] for argument in ("--platform", tag)]
    with tempfile.TemporaryDirectory() as nowhere:
        ask = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps", "--ignore-installed", "--quiet"]
        ask += ["--disable-pip-version-check", "--only-binary=:all:", "--python-version", python, *platforms]
        missing: list[str] = []
        while wanted:
            done = subprocess.run([*ask, "--target", nowhere, *wanted], capture_output=True, text=True)
            if done.returncode == 0:
                return missing
            lacking = re.search(r"No matching distribution found for (\S+)", done.stderr)
            if lacking is None:
                raise SystemExit(f"the package index does not answer: {done.stderr.strip()}")
            missing.append(lacking[1])
            wanted.remove(lacking[1])
    return missing


def main() -> int:
    """Say it for each Python and machine; 1 if something cannot be installed."""
    wrong = 0
    for machine in MACHINES:
        for python in PYTHONS:
            missing = without_wheel(python, machine)
            print(f"Python {python}, {machine}: {'no wheel of ' + ', '.join(missing) if missing else 'every wheel'}")
            wrong += len(missing)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
