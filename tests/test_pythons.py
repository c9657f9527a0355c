"""The wheel on every Python that the project names: installed by pip alone, complete, and a day metered right on it.

A Python that is not on the machine is left out, and says so. pyenv's are found too.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from meter.local_broker import jars
from tests.support.wheel import ROOT, built_wheel

pytestmark = pytest.mark.e2e

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
VERSIONS = [found[1] for each in PROJECT["classifiers"] if (found := re.search(r":: Python :: (3\.\d+)$", each))]
CONSTRAINTS = ROOT / "constraints.txt"
LOCKED = hashlib.sha256(CONSTRAINTS.read_bytes() + repr(PROJECT["dependencies"]).encode()).hexdigest()[:12]
RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"
INSTALL_SECONDS, DAY_SECONDS = 600, 180
#: Environments are kept between runs: their packages take a minute.
KEPT = ROOT / ".venv/pythons"


def interpreter(version: str) -> str | None:
    """A Python of this version that runs; None: there is none."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    named = [shutil.which(f"python{version}"), *map(str, sorted(pyenv.glob(f"{version}.*/bin/python3"), reverse=True))]
    wanted = ["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    for python in filter(None, named):
        done = subprocess.run([python, *wanted], capture_output=True, text=True)
        if (done.returncode, done.stdout.strip()) == (0, version):
            return python
    return None


def environment(version: str, wheel: Path) -> Path:
    """A virtual environment of this Python with the wheel; the place of its programs."""
    place = KEPT / f"{version}-{LOCKED}"
    anew = ["--force-reinstall", "--no-deps"]  # a kept one has all that the wheel depends on
    if not (place / "whole").exists():
        python, anew = interpreter(version), []
        if python is None:
            pytest.skip(f"Python {version} is not on the machine")
        run(python, "-m", "venv", "--clear", "--without-pip", str(place))
    pip = [sys.executable, "-m", "pip", "--python", str(place / "bin/python"), "--quiet", "--disable-pip-version-check"]
    if not anew:
        anew = ["--find-links", str(dependencies(version, pip))]
    # Compiled is what is imported, when it is.
    run(*pip, "install", "--no-compile", "--no-index", "--constraint", str(CONSTRAINTS), *anew, str(wheel))
    run(*pip, "check")
    (place / "whole").touch()
    return place / "bin"


def dependencies(version: str, pip: list[str]) -> Path:
    """Wheels of what the project depends on; the package index is asked once a machine, which costs pip the most."""
    place = jars.cache() / f"wheels-{version}-{LOCKED}"
    jars.private_cache(place.parent)
    with jars.locked(Path(f"{place}.lock")):
        if not place.is_dir():
            part = Path(f"{place}.part")
            shutil.rmtree(part, ignore_errors=True)
            run(*pip, "wheel", "--wheel-dir", str(part), "--constraint", str(CONSTRAINTS), *PROJECT["dependencies"])
            part.rename(place)
    return place


def run(*command: str, **variables: str) -> str:
    """What a command prints, away from the sources."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("METER_", "PYTHON"))}
    done = subprocess.run(
        command, cwd="/", env={**inherited, **variables}, capture_output=True, text=True, timeout=INSTALL_SECONDS
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.mark.parametrize("version", VERSIONS)
def test_pip_alone_installs_the_wheel_and_it_meters_a_day_right(
    version: str, wheel: Path, bootstrap: str, tmp_path: Path
) -> None:
    programs = environment(version, wheel)
    own = {"METER_BROKER": bootstrap, "METER_DATA_DIR": str(tmp_path / "data"), "TMPDIR": str(tmp_path)}
    assert run(str(programs / "meter"), "--version").startswith("usage-meter ")
    assert run(str(programs / "python"), "-c", "import sys; print(sys.version)").startswith(f"{version}.")
    assert run(str(programs / "meter"), "settings", **own).count("METER_") > 30
    if version != RUNNING:  # on that one tests/end_to_end/test_demo.py meters it
        told = run(str(programs / "meter"), "demo", "--seconds", "0", **own)
        assert "checked: 240 figures, 15 orders, 12 dead letters as expected" in told


def test_the_running_python_is_one_that_is_named() -> None:
    assert RUNNING in VERSIONS
