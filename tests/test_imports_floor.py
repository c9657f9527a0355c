"""The floors of the house: imports go down only, and the lower floors know nothing of the world above.

meter.cli → meter.dashboard → meter.explain → agents → tables → meter (settings, topics, batch) → meter.rules → schemas
"""

import ast
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
#: From the bottom up; the longest matching name says which floor a module is on.
FLOORS = ("schemas", "meter.rules", "meter", "tables", "agents", "meter.explain", "meter.dashboard", "meter.cli")
#: What a package may import beside the standard library and the floors below it; None is anything.
THIRD_PARTIES: dict[str, frozenset[str] | None] = {
    "schemas": frozenset({"pydantic", "pydantic_core", "msgspec", "numpy"}),
    "meter.rules": frozenset(),
    "meter": None,
    "tables": None,
    "agents": None,
    "meter.explain": None,
    "meter.dashboard": None,
    "meter.cli": None,
}
#: The batch path is a way to run any fold: it knows no record, no row and no rule of this one.
DOMAIN = ("schemas", "meter.rules", "tables", "agents")


def floor_of(module: str) -> str | None:
    """The floor of a module of ours; None for everybody else's."""
    on = [floor for floor in FLOORS if module == floor or module.startswith(f"{floor}.")]
    return max(on, key=len) if on else None


def name_of(path: Path) -> str:
    """The module in a file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> set[str]:
    """Every module that a file imports, inside functions and for type checks too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively; say the whole name"
            assert node.module is not None
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names if floor_of(node.module))
    return names


def files(floor: str) -> list[Path]:
    """The files of a floor, without those of a floor inside it."""
    below = ROOT / floor.replace(".", "/")
    return [path for path in sorted(below.rglob("*.py")) if floor_of(name_of(path)) == floor]


@pytest.mark.parametrize("floor", FLOORS)
def test_imports_go_down_only(floor: str) -> None:
    allowed = FLOORS[: FLOORS.index(floor) + 1]
    wrong = [
        f"{name_of(path)} imports {name}"
        for path in files(floor)
        for name in sorted(imported(path))
        if (found := floor_of(name)) is not None and found not in allowed
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("floor", [floor for floor, parties in THIRD_PARTIES.items() if parties is not None])
def test_the_lower_floors_need_little_else(floor: str) -> None:
    parties = THIRD_PARTIES[floor]
    assert parties is not None
    wrong = [
        f"{name_of(path)} imports {name}"
        for path in files(floor)
        for name in sorted(imported(path))
        if floor_of(name) is None and name.partition(".")[0] not in sys.stdlib_module_names | parties
    ]
    assert not wrong, "\n".join(wrong)


def test_the_batch_path_knows_nothing_of_the_domain() -> None:
    wrong = [
        f"{name_of(path)} imports {name}"
        for path in sorted((ROOT / "meter/batch").rglob("*.py"))
        for name in sorted(imported(path))
        if floor_of(name) in DOMAIN
    ]
    assert not wrong, "\n".join(wrong)


def test_no_files_import_each_other_in_a_circle() -> None:
    modules = {name_of(path): path for floor in FLOORS for path in files(floor) if path.name != "__init__.py"}
    graph = {name: imported(path) & modules.keys() for name, path in modules.items()}
    TopologicalSorter(graph).prepare()  # raises CycleError with the circle


def test_only_the_fold_and_the_outputs_of_the_rules_see_the_context() -> None:
    """The root of the rules is pure: values in, values out."""
    wrong = [
        f"{name_of(path)} imports {name}"
        for path in sorted((ROOT / "meter/rules").glob("*.py"))
        for name in sorted(imported(path))
        if name.startswith(("meter.rules.state", "meter.rules.fold", "meter.rules.outputs"))
    ]
    assert not wrong, "\n".join(wrong)


#: Packages that show at most so many files (`__init__.py` aside): a stranger sees the rooms at a glance.
ROOTS = ("agents", "meter")


@pytest.mark.parametrize("root", ROOTS)
def test_a_root_shows_at_most_ten_files(root: str) -> None:
    assert len([path for path in (ROOT / root).glob("*.py") if path.name != "__init__.py"]) <= 10


def test_the_oracle_shares_no_rule_with_what_it_judges() -> None:
    wrong = [
        f"{path.name} imports {name}"
        for path in sorted((ROOT / "tests").glob("oracle*.py"))
        for name in sorted(imported(path))
        if floor_of(name) is not None and not name.startswith("schemas.catalog")
        if name != "schemas"
    ]
    assert not wrong, "\n".join(wrong)


def test_a_floor_is_found_by_the_longest_name() -> None:
    assert floor_of("meter.rules.billing_days") == "meter.rules"
    assert floor_of("meter.cli.app") == "meter.cli"
    assert floor_of("meter.batch.chunks") == "meter"
    assert floor_of("meters") is None
