"""The house rules that a machine can check: sizes, docstrings, no place of one machine, everything documented."""

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main

from meter.cli.app import assembled
from meter.cli.settings import lines
from meter.settings import Settings

ROOT = Path(__file__).parent.parent
CODE = ("agents", "benchmarks", "meter", "schemas", "tables", "tests")
TEXTS = (
    "*.md",
    "*.toml",
    "*.yml",
    "*.yaml",
    "*.txt",
    ".ci/*",
    "Makefile",
    "Dockerfile",
    "docs/**/*.md",
    "meter/local_broker/*.properties",
    "meter/local_broker/*.xml",
)
FILE_LINES = 300
FUNCTION_LINES = 50
#: Where one machine keeps things; `/var/lib/meter` is a container's.
MACHINE_PLACES = re.compile(r"(?<![\w.~}/])/(?:work|tmp|root|home|Users|mnt|opt/(?!kafka/))\b")
#: Whoever installs says where from; the project does not.
REGISTRY_HOSTS = re.compile(r"pypi\.org|pythonhosted\.|repo1?\.maven|docker\.io/")
UNDONE = re.compile(r"\b(TO[D]O|FIX[M]E)\b")


def code() -> list[Path]:
    """Every Python file of ours."""
    return [path for part in CODE for path in sorted((ROOT / part).rglob("*.py"))]


@cache
def tree(path: Path) -> ast.Module:
    """A file of ours, parsed."""
    return ast.parse(path.read_text(encoding="utf-8"))


def theirs(path: Path) -> bool:
    """Whether a file came with a package that somebody installed for the examples."""
    return "node_modules" in path.parts


def texts() -> list[Path]:
    """Every other file that is written by hand."""
    return [path for pattern in TEXTS for path in sorted(ROOT.glob(pattern)) if path.is_file() and not theirs(path)]


def short(path: Path) -> str:
    """A file's place in the repository."""
    return str(path.relative_to(ROOT))


def test_a_file_is_one_noun() -> None:
    sizes = {short(path): len(path.read_text(encoding="utf-8").splitlines()) for path in code()}
    wrong = {name: size for name, size in sizes.items() if size > FILE_LINES}
    assert not wrong, f"a file has at most {FILE_LINES} lines; what has more is two nouns"


def test_a_file_says_what_it_holds() -> None:
    trees = {path: tree(path) for path in code()}
    silent = [short(path) for path, found in trees.items() if not ast.get_docstring(found)]
    busy = [short(path) for path, found in trees.items() if path.name == "__init__.py" and len(found.body) != 1]
    assert not silent, "every file has a docstring"
    assert not busy, "an __init__.py is a docstring and nothing else"


def test_a_function_fits_on_a_screen() -> None:
    wrong = [
        f"{short(path)}: {node.name} has {size}"
        for path in code()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (size := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES
    ]
    assert not wrong, f"a function has at most {FUNCTION_LINES} lines"


@pytest.mark.parametrize("law", [MACHINE_PLACES, REGISTRY_HOSTS, UNDONE])
def test_nothing_names_one_machine_or_leaves_work_undone(law: re.Pattern[str]) -> None:
    wrong = [
        f"{short(path)}:{number}: {line.strip()}"
        for path in (*code(), *texts())
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if law.search(line)
    ]
    assert not wrong, "\n".join(wrong)


def readme() -> str:
    """The README's text."""
    return (ROOT / "README.md").read_text(encoding="utf-8")


def document(name: str) -> str:
    """The text of a document."""
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("line", lines(Settings.model_construct(), {}), ids=lambda line: line.variable)
def test_every_setting_is_documented_in_the_words_of_the_code(line: tuple[str, str, str, str]) -> None:
    variable, _, default, meaning = line
    row = f"| `{variable}` | {f'`{default}`' if default else '–'} | {meaning} |"
    assert row in document("settings.md"), f"docs/settings.md should have the row\n{row}"


def commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Every command that does something, with its whole name."""
    if hasattr(command, "commands"):
        for sub, found in command.commands.items():
            yield from commands(found, f"{name} {sub}")
    else:
        yield name, command


ALL_COMMANDS = dict(commands(typer.main.get_command(assembled()), "meter"))


@pytest.mark.parametrize("name", ALL_COMMANDS)
def test_every_command_is_documented(name: str) -> None:
    assert f"| `{name}` |" in document("commands.md"), f"the table of docs/commands.md should have a row for `{name}`"
    assert ALL_COMMANDS[name].help, f"`{name}` has no help"


@pytest.mark.parametrize("name", ALL_COMMANDS)
def test_every_command_is_shown_with_its_output(name: str) -> None:
    section = document("commands.md").partition(f"\n## `{name}`\n")[2].partition("\n## ")[0]
    assert re.search(rf"^\$ (\S+ )?{name}", section, re.MULTILINE), (
        f"docs/commands.md should have a section for `{name}` with a session as it ran"
    )
    options = [option for parameter in ALL_COMMANDS[name].params for option in parameter.opts if option[:2] == "--"]
    assert [option for option in options if option not in section] == []


@pytest.mark.parametrize("name", ALL_COMMANDS)
def test_every_option_says_what_it_does(name: str) -> None:
    for parameter in ALL_COMMANDS[name].params:
        assert getattr(parameter, "help", ""), f"`{name}` {parameter.name} has no help"


def test_the_targets_of_the_makefile_are_documented() -> None:
    targets = re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    documents = readme() + (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    missing = [target for target in targets if f"make {target}" not in documents and target != "help"]
    assert {"setup", "demo", "test"} <= set(targets)
    assert not missing


def test_ci_runs_what_the_readme_says() -> None:
    run = (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()
    does = [line for line in run if line and not line.startswith("#")]
    at_hand = [f"bash .ci/{name}" for name in ("prometheus", "chromium", "servers", "languages")]
    assert does == ["set -euo pipefail", 'cd "$(dirname "$0")/.."', *at_hand, "exec make test"]
    assert "\nmake test " in readme()


def test_markers_are_the_ones_that_make_check_leaves_out() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    markers = [marker.partition(":")[0] for marker in project["tool"]["pytest"]["ini_options"]["markers"]]
    assert markers == ["e2e", "faults"]
