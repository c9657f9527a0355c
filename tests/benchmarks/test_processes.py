"""Processes that benchmarks start: a new interpreter has to find what it runs."""

from pathlib import Path

import pytest

import benchmarks

MAINS = sorted(Path(benchmarks.__file__).parent.glob("*/__main__.py"))


@pytest.mark.parametrize("main", MAINS, ids=lambda path: path.parent.name)
def test_a_packages_main_starts_no_process_because_spawn_does_not_import_it(main: Path) -> None:
    assert "multiprocessing" not in main.read_text(encoding="utf-8")


def test_there_are_packages_with_a_main() -> None:
    assert len(MAINS) > 2
