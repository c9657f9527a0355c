"""Programs of other languages in the suite: run where the language and the libraries are on the machine."""

import os
import shutil
import subprocess
from pathlib import Path


def at_hand(command: list[str], directory: Path) -> bool:
    """Whether a program could be built, without a network; why not is printed.

    `.ci/languages` fetches the libraries beforehand.
    """
    if shutil.which(command[0]) is None:
        print(f"left out: {command[0]} is not installed")
        return False
    environment = {**os.environ, "GOPROXY": "off"}
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"left out: {' '.join(command)}: {done.stderr[-500:]}")
    return done.returncode == 0
