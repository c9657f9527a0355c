"""What the wheel holds: the top-level names that are declared, the files that are needed at run time, nothing else."""

import importlib.metadata
import importlib.util
import re
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from meter import own_packages
from meter.errors import UserError
from tests.support.wheel import ROOT, TOP_LEVEL, built_wheel

NEEDED = {
    "meter/catalog.toml",
    "meter/demo/expected.json",
    "meter/local_broker/pom.xml",
    "meter/local_broker/server.properties",
    "meter/py.typed",
}


def project() -> dict[str, Any]:
    """pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_every_package_is_listed() -> None:
    there = {
        ".".join(init.parent.relative_to(ROOT).parts) for top in TOP_LEVEL for init in (ROOT / top).rglob("__init__.py")
    }
    assert set(project()["tool"]["setuptools"]["packages"]) == there


def test_every_dependency_is_bounded_and_locked() -> None:
    described = project()["project"]
    wanted = [*described["dependencies"], *described["optional-dependencies"]["dev"]]
    locked = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").lower().replace("_", "-").splitlines()
        if not line.startswith("#")
    )
    for line in wanted:
        name = re.split(r"[<>=;\[ ]", line, maxsplit=1)[0].lower().replace("_", "-")
        assert ">=" in line, f"{line} has no lower bound"
        assert name in locked, f"{name} is not in constraints.txt; `make lock` writes it"


def test_the_environment_is_the_locked_one() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    for line in lines:
        if line.startswith(("#", "setuptools==")):
            continue
        name, version = line.split("==")
        try:
            assert importlib.metadata.version(name) == version, f"{name} is not the locked one; run `make setup`"
        except importlib.metadata.PackageNotFoundError:
            continue  # needed on another Python or another system only


def test_what_is_built_from_source_finds_its_tools_in_every_set_up() -> None:
    tools = re.search(r"^BUILD_TOOLS := (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert tools is not None
    assert set(tools[1].split()) >= {"setuptools", "setuptools-scm", "Cython", "wheel"}, "faust-streaming's sdist asks"
    assert f" constraints.txt {tools[1]}\n" in (ROOT / "Dockerfile").read_text(encoding="utf-8")
    locked = {line.partition("==")[0] for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()}
    assert set(tools[1].split()) <= locked


def setuptools_version() -> int:
    """Major version of the setuptools that would build it; 0 for none."""
    if importlib.util.find_spec("setuptools") is None:
        return 0
    return int(importlib.metadata.version("setuptools").partition(".")[0])


@pytest.mark.skipif(setuptools_version() < 83, reason="building needs setuptools 83 or later: `make setup` has it")
def test_the_wheel_holds_what_is_declared(tmp_path: Path) -> None:
    wheel = built_wheel(tmp_path)
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
        (entry,) = (name for name in names if name.endswith("/entry_points.txt"))
        assert packed.read(entry).decode().strip() == "[console_scripts]\nmeter = meter.cli.app:main"
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name and ".data/" not in name} == set(
        TOP_LEVEL
    )
    assert any(name.endswith(".data/data/share/doc/usage-meter/start.md") for name in names), "the pages show documents"
    assert names >= NEEDED
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_our_packages_are_ours() -> None:
    own_packages.require_own_packages()


def test_a_package_from_elsewhere_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_packages, "OURS", ("schemas", "typer"))
    with pytest.raises(UserError, match=r"the package `typer` must be the meter's own.*an environment of its own"):
        own_packages.require_own_packages()
