"""Breaking the protocol and the rules on purpose, in place: the code of single functions is exchanged and put back.

A mutation replaces snippets of a module's source; the functions around them get the code that the changed source
compiles to. Everybody who already holds such a function sees the change, as if the module had been written so.
"""

import importlib
import inspect
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import CodeType, FunctionType, ModuleType


@dataclass(frozen=True)
class Mutation:
    """What is broken, where, and the snippets with what stands instead."""

    what: str
    module: str
    changes: tuple[tuple[str, str], ...]


@contextmanager
def broken(mutation: Mutation) -> Iterator[None]:
    """The module with the mutation in it."""
    module = importlib.import_module(mutation.module)
    source = inspect.getsource(module)
    mutated = source
    for old, new in mutation.changes:
        assert source.count(old) == 1, f"not once in {mutation.module}: {old}"
        mutated = mutated.replace(old, new)
    path = module.__file__ or ""
    before, after = (_functions(compile(text, path, "exec")) for text in (source, mutated))
    assert before.keys() == after.keys(), "a mutation changes what functions do, not which there are"
    with ExitStack() as stack:
        changed = [name for name in before if not _same(before[name], after[name])]
        assert changed, "the mutation changes nothing"
        for name in changed:
            stack.enter_context(_exchanged(_found(module, name), after[name]))
        yield


@contextmanager
def _exchanged(function: FunctionType, code: CodeType) -> Iterator[None]:
    kept = function.__code__
    function.__code__ = code
    try:
        yield
    finally:
        function.__code__ = kept


def _functions(code: CodeType, inside: str = "") -> dict[str, CodeType]:
    """Functions and methods of a module by qualified name; what is nested in them goes with them."""
    found: dict[str, CodeType] = {}
    for const in code.co_consts:
        if isinstance(const, CodeType) and not const.co_name.startswith("<"):
            name = f"{inside}{const.co_name}"
            if const.co_flags & inspect.CO_NEWLOCALS:
                found[name] = const
            else:
                found |= _functions(const, f"{name}.")
    return found


def _same(one: CodeType, other: CodeType) -> bool:
    """Whether two functions do the same, wherever they stand."""
    parts = (CodeType.co_code, CodeType.co_names, CodeType.co_varnames)
    if any(part.__get__(one) != part.__get__(other) for part in parts) or len(one.co_consts) != len(other.co_consts):
        return False
    return all(
        _same(mine, theirs) if isinstance(mine, CodeType) and isinstance(theirs, CodeType) else mine == theirs
        for mine, theirs in zip(one.co_consts, other.co_consts, strict=True)
    )


def _found(module: ModuleType, name: str) -> FunctionType:
    holder: object = module
    *classes, last = name.split(".")
    for each in classes:
        holder = vars(holder)[each]
    function = vars(holder)[last]
    function = getattr(function, "__func__", function)
    function = getattr(function, "fget", function)
    function = inspect.unwrap(function)
    assert isinstance(function, FunctionType), f"{name} of {module.__name__} is no function"
    return function
