"""Fresh copies of modules of the rules with a snippet replaced; the modules themselves and their caches are untouched.

`tests/simulation/mutations.py` breaks functions in place instead, for everybody who already holds them.
"""

import importlib
import inspect
import sys
from collections.abc import Iterable, Mapping
from types import ModuleType
from unittest.mock import patch

import meter.rules


def broken_copies(names: Iterable[str], changes: Mapping[str, tuple[str, str]]) -> dict[str, ModuleType]:
    """Copies of these modules of `meter.rules`, named in the order of their imports; each uses the copies before it.

    `changes`: module -> the snippet, which must occur once, and its replacement.
    """
    copies: dict[str, ModuleType] = {}
    for name in names:
        path = f"meter.rules.{name}"
        source = inspect.getsource(importlib.import_module(path))
        old, new = changes.get(name, ("", ""))
        assert not old or source.count(old) == 1, f"not once in {name}: {old}"
        copy = ModuleType(path)
        known = {f"meter.rules.{each}": module for each, module in copies.items()}
        with patch.dict(sys.modules, {**known, path: copy}), patch.dict(vars(meter.rules), copies):
            exec(compile(source.replace(old, new), path, "exec"), copy.__dict__)
        copies[name] = copy
    return copies
